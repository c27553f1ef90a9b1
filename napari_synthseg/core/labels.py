"""Exact labels: instance ids plus the class of each id; everything else derives from it.

Where there are no separate objects (phases, layers, membranes) the labels are *regions*: the ids
are the class values themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes

LEAST_SHOWN = 0.5
"""Share of a box that must be on an image for its object to count as shown."""

UNKNOWN = -1
"""Stands in instance ids where nobody said what is there: such pixels teach a model nothing."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Instance labels of one image.

    Attributes
    ----------
    ids
        Instance ids, shape ([z,] y, x), int32, 0 = background, `UNKNOWN` = nobody knows.
    classes
        Instance id -> class value (>= 1), for every id that occurs in `ids`.
    present
        Class values that are somewhere on the image, where only that is known and all `ids` are
        `UNKNOWN`; None: see `ids`.
    outlines
        Boxes of all objects, pixels of these labels, where only boxes are known and all `ids` are
        0; None: see `ids`.
    growth
        Class value -> by what boxes of objects are multiplied to be larger than the instances;
        of a class that is not there by nothing.
    regions
        Whether the ids are class values: areas, without objects that could be told apart.
    """

    ids: NDArray[np.int32]
    classes: Mapping[int, int] = field(default_factory=dict)
    present: frozenset[int] | None = None
    outlines: Boxes | None = None
    growth: Mapping[int, float] = field(default_factory=dict)
    regions: bool = False

    @classmethod
    def of_classes(cls, values: NDArray[np.integer]) -> Labels:
        """Return regions from class values per pixel ([z,] y, x), 0 = background, or `UNKNOWN`."""
        ids = np.ascontiguousarray(values, np.int32)
        return cls(ids, {int(v): int(v) for v in np.unique(ids) if v > 0}, regions=True)

    def as_regions(self) -> Labels:
        """Return what class each pixel is of, without telling objects apart."""
        if self.regions:
            return self
        values = np.where(self.ids == UNKNOWN, UNKNOWN, self.semantic().astype(np.int32))
        return Labels.of_classes(values)

    def semantic(self) -> NDArray[np.uint8]:
        """Return class values per pixel, uint8, 0 = background or unknown, shape of `ids`."""
        table = np.zeros(int(self.ids.max(initial=0)) + 1, np.uint8)
        for instance, cls in self.classes.items():
            if instance < table.size:
                table[instance] = cls
        return table[np.maximum(self.ids, 0)]

    def boxes(self) -> dict[int, tuple[slice, ...]]:
        """Return the bounding box of each instance id as one slice per spatial axis."""
        from scipy.ndimage import find_objects

        return {i: box for i, box in enumerate(find_objects(self.ids), start=1) if box is not None}

    def outline(self) -> Boxes:
        """Return the boxes of the objects: those that are known, or those round the instances."""
        if self.outlines is not None:
            return self.outlines
        found = {i: box for i, box in self.boxes().items() if i in self.classes}
        corners = [[s.start for s in box] + [s.stop for s in box] for box in found.values()]
        return Boxes.of(corners, [self.classes[i] for i in found] or 1).grown(self.growth)

    def shown(self) -> frozenset[int]:
        """Return the values of the classes that are there.

        Of an object of which the box is known at least half must be on the image.
        """
        if self.present is not None:
            return self.present
        if self.outlines is not None:
            shown = self.outlines.share_in(self.ids.shape) >= LEAST_SHOWN
            return frozenset(self.outlines.classes[shown].tolist())
        return frozenset(self.outline().classes.tolist())

    @property
    def count(self) -> int:
        """Number of instances that hold at least one pixel."""
        return int(np.count_nonzero(np.unique(self.ids) > 0))


@dataclass(frozen=True, eq=False)
class DualImage:
    """A synthetic micrograph and its exact labels, made together.

    Attributes
    ----------
    image
        Shape (channel, [z,] y, x), float32, in the normalized intensity of the images it was
        made from.
    labels
        Exact instance labels of the same spatial shape.
    index
        Number of the pair in its synthesizer's sequence.
    fault
        What a check found wrong with it, in words; it is shown, but nothing should learn from it.
        Nearly always ''.
    """

    image: NDArray[np.float32]
    labels: Labels
    index: int
    rejection_reason: str = ""


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Real images, or parts of them, with masks of regions.

    Attributes
    ----------
    train
        What is learned from; `DualImage.labels` are regions (see `Labels.regions`).
    held
        What learning is stopped by and thresholds are chosen on: other fields of view, or other
        parts of the images. Never what is scored on.
    class_values
        Class values in ascending order, without the background's 0.
    """

    train: tuple[DualImage, ...]
    held: tuple[DualImage, ...]
    class_values: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Number of image channels."""
        return len(self.train[0].image)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all pixels and masks, whatever the files are called."""
        digest = hashlib.sha256(repr(self.class_values).encode())
        for part in (self.train, self.held):
            digest.update(str(len(part)).encode())
            _add(digest, part)
        return digest.hexdigest()[:20]


def _add(digest: hashlib._Hash, pairs: Sequence[DualImage]) -> None:
    for pair in pairs:
        for array in (pair.image, pair.labels.ids):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
