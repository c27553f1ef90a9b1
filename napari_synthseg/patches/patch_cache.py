"""A cache of cut images: training again, or changing one image, does not cut all anew.

What an image gives depends on its pixels, its clicks, the diameters, the methods and the masks of
the user, and on nothing else: all of it goes into the key, the pixels as they were read, so that a
changed file is never mistaken for the one it was. Names (the ids of image and clicks) do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import Background, ClickedImage, CountStatistics, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.settings import PatchSettings


@dataclass(frozen=True, eq=False)
class CutImage:
    """What one clicked image gives."""

    patches: tuple[Patch, ...]
    background: Background
    statistics: CountStatistics

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        whole = self.background.pixels.nbytes + self.background.valid.nbytes
        return whole + sum(p.pixels.nbytes + p.mask.nbytes for p in self.patches)

    def named_as(self, image: ClickedImage) -> CutImage:
        """Return the same with the ids of an image and its clicks."""
        name = image.ref.id
        return CutImage(
            tuple(
                replace(patch, id=click.id, image=name)
                for patch, click in zip(self.patches, image.clicks, strict=True)
            ),
            replace(self.background, image=name),
            replace(self.statistics, image=name),
        )


def key_of(
    image: ClickedImage,
    pixels: FloatImage,
    diameters: Mapping[int, float],
    settings: PatchSettings,
    masks: InstanceLabels | None,
    methods: Mapping[int, str],
) -> str:
    """Return a digest of all that determines what `clicked.cut_clicked_image` gives."""
    digest = hashlib.blake2b(digest_size=16)
    clicks = [(c.cls, *c.position) for c in image.clicks]
    space = (image.ref.pixel_size, image.ref.spacing, image.ref.exhaustive, image.pixels.region)
    words = (clicks, sorted(diameters.items()), sorted(methods.items()), space)
    digest.update(repr((words, settings.model_dump_json())).encode())
    for array in (pixels, None if masks is None else masks.ids):
        digest.update(repr(None if array is None else (array.shape, array.dtype.str)).encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


CUT_IMAGES: ByteCache[CutImage] = ByteCache(256 * 2**20)
"""The images that this process cut last."""
