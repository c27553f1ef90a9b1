"""Images are cut once: one more click on an image, or training again, cuts no other image anew.

What an image gives depends on its pixels, its clicks, the diameters, the methods and the masks of
the user, and on nothing else. The file's fingerprint stands for the pixels; an image without one is
cut each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping

import numpy as np

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage, Patch
from napari_synthseg.core.progress import Progress
from napari_synthseg.patches.clicked import cut_clicked_image
from napari_synthseg.patches.settings import PatchSettings
from napari_synthseg.storage.uris import ARRAYS_PREFIX

CACHE: ByteCache[list[Patch]] = ByteCache(
    256 * 2**20, lambda patches: sum(p.pixels.nbytes + p.mask.nbytes for p in patches)
)
"""The patches of the images that this process cut last."""


def cut_once(
    image: ClickedImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: InstanceLabels | None,
    methods: Mapping[int, str],
) -> Generator[Progress, None, list[Patch]]:
    """Return what `clicked.cut_clicked_image` gives, from memory where nothing changed."""
    key = _key(image, diameters, settings, masks, methods)
    if key and (known := CACHE.get(key)) is not None:
        return known
    patches = yield from cut_clicked_image(image, diameters, settings, masks, methods)
    if key:
        CACHE.put(key, patches, image.ref.id)
    return patches


def _key(
    image: ClickedImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: InstanceLabels | None,
    methods: Mapping[int, str],
) -> str:
    """Return a digest of all that determines the patches; empty where it is not known."""
    ref = image.ref
    if not ref.fingerprint and not ref.uri.startswith(ARRAYS_PREFIX):
        return ""
    clicks = [(c.id, c.cls, c.position, c.mended) for c in image.clicks]
    words = (
        ref.model_dump_json(exclude={"name", "role", "group", "exhaustive", "synthetic"}),
        (clicks, image.negatives, image.pixels.region),
        (sorted(diameters.items()), sorted(methods.items()), settings.model_dump_json()),
    )
    digest = hashlib.blake2b(repr(words).encode(), digest_size=16)
    if masks is not None:
        digest.update(repr((masks.ids.shape, masks.ids.dtype.str, masks.classes)).encode())
        digest.update(np.ascontiguousarray(masks.ids).data)
    return digest.hexdigest()
