"""What training draws its pairs from: dual images, real images, or both."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import intersect
from napari_synthseg.core.labels import UNKNOWN, DualImage, InstanceLabels
from napari_synthseg.core.patch import Background, ClickedImage, PatchLibrary, paint_numbers
from napari_synthseg.core.pixels import counted_pixels
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Synthesizer

CACHE_BYTES = 2**29
"""What dual images that are kept for being used again may take."""

MAX_SKIPPED = 16
"""Rejected pairs that are skipped in a row, at most."""

UNKNOWN_RADII = 1.5
"""Around a click without a usable mask labels are unknown so many class radii far."""


class RealDataset(Synthesizer):
    """Real images with their true masks, in the form of a synthesizer.

    Pair ``i`` is image ``i`` modulo their number, whole.
    """

    def __init__(self, images: Sequence[DualImage]) -> None:
        self._images = tuple(images)

    def pair(self, index: int) -> DualImage:
        """Return real image ``index`` (modulo their number) with its labels."""
        return replace(self._images[index % len(self._images)], index=index, is_real=True)


class CachedDataset(Synthesizer):
    """The first `count` pairs of a synthesizer, used in turn.

    A repeated pair keeps the index that was asked for, so that it is varied anew each time. The
    first pairs that fit into `limit_bytes` are kept. An LRU cache would serve badly: as all come in
    turn, each would be dropped just before it is used again.
    """

    def __init__(self, pairs: Synthesizer, count: int, limit_bytes: int = CACHE_BYTES) -> None:
        self._pairs = pairs
        self._count = count
        self._known: dict[int, DualImage] = {}
        self._free_bytes = limit_bytes

    def pair(self, index: int) -> DualImage:
        """Return pair `index` modulo their number."""
        which = index % self._count
        pair = self._known.get(which) or self._keep(which, self._pairs.pair(which))
        return replace(pair, index=index)

    def draw(self, indices: Sequence[int]) -> Generator[Progress, None, list[DualImage]]:
        """Return several pairs; yield progress while those are made that are not kept."""
        wanted = dict.fromkeys(index % self._count for index in indices)
        found = {which: pair for which, pair in self._known.items() if which in wanted}
        missing = [which for which in wanted if which not in found]
        made = yield from self._pairs.draw(missing)
        found |= {which: self._keep(which, p) for which, p in zip(missing, made, strict=True)}
        return [replace(found[index % self._count], index=index) for index in indices]

    def _keep(self, which: int, pair: DualImage) -> DualImage:
        if which not in self._known and pair.nbytes <= self._free_bytes:
            self._free_bytes -= pair.nbytes
            self._known[which] = pair
        return pair


class FilteredDataset(Synthesizer):
    """A synthesizer without its rejected pairs.

    In their place comes the next pair that is not; after `MAX_SKIPPED` rejected ones in a row the
    first is taken as it is.
    """

    def __init__(self, pairs: Synthesizer) -> None:
        self._pairs = pairs

    def pair(self, index: int) -> DualImage:
        """Return pair `index`, or the next that is not rejected."""
        for further in range(MAX_SKIPPED):
            pair = self._pairs.pair(index + further)
            if not pair.rejection_reason:
                return replace(pair, index=index)
        return self._pairs.pair(index)


class MixedDataset(Synthesizer):
    """A synthesizer of which a share of the pairs are real images instead, evenly spread.

    Pair 0 is synthetic, unless all are real. All pairs of the synthesizer come, in their order; a
    rejected one is replaced by a real image.
    """

    def __init__(self, pairs: Synthesizer, real: Sequence[DualImage], share: float) -> None:
        self._pairs = pairs
        self._real = RealDataset(real)
        self._share = share

    def pair(self, index: int) -> DualImage:
        """Return pair `index`: the next of the dual images, or of the real ones."""
        before, after = int(index * self._share), int((index + 1) * self._share)
        if before != after:
            return replace(self._real.pair(before), index=index)
        pair = self._pairs.pair(index - before)
        if pair.rejection_reason:
            pair = self._real.pair(index - before)
        return replace(pair, index=index)


def label_clicked(library: PatchLibrary, background: Background, image: ClickedImage) -> DualImage:
    """Return a part of a clicked image with the masks of its patches as labels.

    Around clicks that have no usable mask the labels are `UNKNOWN`; where not every object is
    clicked, so is all that is not surely background, as it may be an object that nobody clicked.

    Parameters
    ----------
    library
        Patches of the image, among others.
    background
        Of the part.
    image
        What the part is of.
    """
    part = background.region
    origin = np.array(background.origin)
    ids = np.zeros(background.valid.shape, np.int32)
    if not background.exhaustive:
        ids[~background.valid] = UNKNOWN
    counted = counted_pixels(image.ref, image.pixels, part)
    if counted is not None:
        ids[~counted] = UNKNOWN
    usable = {p.id for p in library.usable()}
    mine = [p for p in library.patches if p.image == background.image and intersect(p.window, part)]
    known = [p for p in mine if p.id in usable]
    for patch in mine:
        if patch.id not in usable:
            reach = UNKNOWN_RADII / 2 * library.diameters[patch.cls]
            middle = np.array(patch.center) + patch.origin - origin
            _near(ids, middle, reach)[...] = UNKNOWN
    numbered = [(patch, number) for number, patch in enumerate(known, start=1)]
    paint_numbers(numbered, ids, origin)
    shown = set(np.unique(ids).tolist())
    classes = {number: patch.cls for patch, number in numbered if number in shown}
    return DualImage(image.pixels.read(part), InstanceLabels(ids, classes), 0)


def _near(ids: NDArray[np.int32], middle: NDArray[np.float64], reach: float) -> NDArray[np.int32]:
    """Return the view of all within `reach` of a position along every axis."""
    low = np.maximum(np.floor(middle - reach), 0).astype(int)
    high = np.maximum(np.ceil(middle + reach), 0).astype(int)
    return ids[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
