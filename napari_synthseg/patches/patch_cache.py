"""Images that were cut lately: training again, or changing one image, need not cut all anew.

What an image gives depends on its pixels, its clicks, the diameters, the methods and the masks of
the user, and on nothing else: all of it goes into the key, the pixels as they were read, so that a
changed file is never mistaken for the one it was. Names (the ids of image and clicks) do not.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from napari_synthseg.core.labels import Labels
from napari_synthseg.core.patch import Background, ClickedImage, CountStatistics, Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.settings import PatchSettings

MOST_BYTES = 256 * 2**20
"""What is remembered takes no more memory than this, bytes."""


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
    masks: Labels | None,
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


class PatchCache:
    """The images cut last, as many as fit into `most_bytes`; safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._known: OrderedDict[str, CutImage] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> CutImage | None:
        """Return what an image gave, or None if it is not remembered."""
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def keep(self, key: str, cut: CutImage) -> None:
        """Remember what an image gave; forget what was not asked for the longest."""
        with self._lock:
            self._known[key] = cut
            self._known.move_to_end(key)
            left = sum(each.nbytes for each in self._known.values())
            while left > self._most:
                left -= self._known.popitem(last=False)[1].nbytes

    def forget(self) -> None:
        """Forget all."""
        with self._lock:
            self._known.clear()


CUT = PatchCache()
"""The one memory of this process."""
