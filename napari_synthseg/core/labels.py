"""What an image shows, in five kinds: objects, regions, boxes, points, or only which classes.

A function that can use one kind alone takes that kind. What takes any of them distinguishes them by
`isinstance` or `match`; each also has a name, `kind`, that is the same as that of its ground truth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError

COUNTED_AT_ONCE_PX = 2**20

MIN_SHARE_SHOWN = 0.5
"""Share of an object, or of its box, that must lie on an image for it to count as shown."""

UNKNOWN = -1
"""Pixels without a known label: they teach a model nothing and are not scored."""

Spatial = tuple[int, ...]
"""A shape ([z,] y, x)."""


@dataclass(frozen=True, eq=False)
class InstanceLabels:
    """Separate objects.

    Attributes
    ----------
    ids
        Instance ids, shape ([z,] y, x), int32, 0 = background, or `UNKNOWN`.
    classes
        Instance id -> class value (>= 1), for every id that occurs in `ids`.
    box_scale
        Class value -> factor by which boxes of objects are larger than the boxes around their
        pixels; 1 for classes that are missing.
    incomplete
        Class values of which not every object is in the labels.
    stored_ids
        Instance id -> its id in the file, where these are too large; see `stored_id`. What is kept
        of a file, or said of it, is by the ids in it: the others depend on the part that is read.
    """

    kind: ClassVar[Literal["instance"]] = "instance"
    ids: NDArray[np.int32]
    classes: Mapping[int, int] = field(default_factory=dict)
    box_scale: Mapping[int, float] = field(default_factory=dict)
    incomplete: frozenset[int] = frozenset()
    stored_ids: Mapping[int, int] = field(default_factory=dict)

    @property
    def shape(self) -> Spatial:
        """Shape ([z,] y, x)."""
        return self.ids.shape

    @property
    def array(self) -> NDArray[np.int32]:
        """The label of each pixel: `ids`."""
        return self.ids

    @property
    def count(self) -> int:
        """Number of objects that have at least one pixel."""
        return int(np.count_nonzero(np.unique(self.ids) > 0))

    def with_array(self, ids: NDArray[np.int32]) -> InstanceLabels:
        """Return the same objects on other pixels."""
        return replace(self, ids=ids)

    def stored_id(self, ident: int) -> int:
        """Return the id that an object has where it was read from."""
        return self.stored_ids.get(ident, ident)

    def class_map(self) -> NDArray[np.int32]:
        """Return the class value of each pixel, 0 = background, or `UNKNOWN`.

        Where not every object is known, nor is the background.
        """
        table = np.zeros(max(int(self.ids.max(initial=0)), 0) + 2, np.int32)
        table[0] = UNKNOWN if self.incomplete else 0
        for instance, cls in self.classes.items():
            if instance < len(table) - 1:
                table[instance] = cls
        table[UNKNOWN] = UNKNOWN
        return table[self.ids]

    def slices(self) -> dict[int, tuple[slice, ...]]:
        """Return the bounding box of each instance id as one slice per spatial axis."""
        from scipy.ndimage import find_objects

        return {i: box for i, box in enumerate(find_objects(self.ids), start=1) if box is not None}

    def boxes(self) -> Boxes:
        """Return the boxes of the objects that have a class, scaled by `box_scale`; images only."""
        found = {i: box for i, box in self.slices().items() if i in self.classes}
        corners = [[s.start for s in box] + [s.stop for s in box] for box in found.values()]
        return Boxes.of(corners, [self.classes[i] for i in found] or 1).grown(self.box_scale)

    def class_values_shown(self) -> frozenset[int]:
        """Return the values of the classes that the image shows."""
        return frozenset(self.classes[i] for i in self.slices() if i in self.classes)


@dataclass(frozen=True, eq=False)
class RegionLabels:
    """Areas without separate objects, such as phases, layers or membranes.

    Attributes
    ----------
    values
        Class value of each pixel, shape ([z,] y, x), int32, 0 = background, or `UNKNOWN`.
    """

    kind: ClassVar[Literal["semantic"]] = "semantic"
    values: NDArray[np.int32]

    @classmethod
    def of(cls, values: NDArray[np.integer]) -> RegionLabels:
        """Make regions from class values of any integer type."""
        return cls(np.ascontiguousarray(values, np.int32))

    @property
    def shape(self) -> Spatial:
        """Shape ([z,] y, x)."""
        return self.values.shape

    @property
    def array(self) -> NDArray[np.int32]:
        """The label of each pixel: `values`."""
        return self.values

    def with_array(self, values: NDArray[np.int32]) -> RegionLabels:
        """Return regions of other pixels."""
        return RegionLabels(values)

    def class_map(self) -> NDArray[np.int32]:
        """Return `values`."""
        return self.values

    def class_values_shown(self) -> frozenset[int]:
        """Return the values of the classes that the image shows."""
        return frozenset(v for v in np.unique(self.values).tolist() if v > 0)


@dataclass(frozen=True, eq=False)
class BoxLabels:
    """Objects of which only boxes are known; flat images only.

    Attributes
    ----------
    boxes
        In pixels of the image; they may reach beyond it.
    shape
        Of the image, (y, x).
    unknown
        Pixels on which there may be objects without a box, (y, x); None: there are none.
    incomplete
        Class values of which not every object is in the labels.
    """

    kind: ClassVar[Literal["boxes"]] = "boxes"
    boxes: Boxes
    shape: Spatial
    unknown: NDArray[np.bool_] | None = None
    incomplete: frozenset[int] = frozenset()

    def class_values_shown(self) -> frozenset[int]:
        """Return the values of the classes that the image shows."""
        shown = self.boxes.share_in(self.shape) >= MIN_SHARE_SHOWN
        return frozenset(self.boxes.classes[shown].tolist())


@dataclass(frozen=True, eq=False)
class PointLabels:
    """Objects of which only the centers are known.

    Attributes
    ----------
    positions
        Shape (point, ([z,] y, x)), float64, pixels; pixel centers are at whole numbers.
    classes
        Class value of each point, shape (point,), int64.
    shape
        Of the image, ([z,] y, x).
    incomplete
        Class values of which not every object is in the labels.
    """

    kind: ClassVar[Literal["points"]] = "points"
    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    shape: Spatial
    incomplete: frozenset[int] = frozenset()

    def class_values_shown(self) -> frozenset[int]:
        """Return the values of the classes that the image shows."""
        edge = np.array(self.shape) - 0.5
        inside = ((self.positions >= -0.5) & (self.positions < edge)).all(axis=1)
        return frozenset(self.classes[inside].tolist())


@dataclass(frozen=True, eq=False)
class ImageTags:
    """An image of which only is known which classes it shows.

    Attributes
    ----------
    class_values
        Of all classes that it shows.
    shape
        Of the image, ([z,] y, x).
    """

    kind: ClassVar[Literal["image_labels"]] = "image_labels"
    class_values: frozenset[int]
    shape: Spatial

    def class_values_shown(self) -> frozenset[int]:
        """Return the values of the classes that the image shows."""
        return self.class_values


PixelLabels = InstanceLabels | RegionLabels
"""Labels of each pixel."""


def shown_part(ids: NDArray[np.int32], counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels that count, without those of objects of which less than half does."""
    sizes, inside = (np.bincount(i[i > 0], minlength=1) for i in (ids, np.where(counted, ids, 0)))
    inside = np.pad(inside, (0, len(sizes) - len(inside)))
    return np.asarray(counted & (inside >= MIN_SHARE_SHOWN * sizes)[np.maximum(ids, 0)])


def where_known(
    true: NDArray[np.int32], predicted: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return true and predicted ids without the pixels of unknown truth.

    Predicted objects of which more than half lies there are left out whole.
    """
    known = true != UNKNOWN
    if true.shape != predicted.shape or known.all():
        return true, predicted
    return np.where(known, true, 0), np.where(shown_part(predicted, known), predicted, 0)


ObjectLabels = InstanceLabels | BoxLabels | PointLabels
"""Labels of separate objects, of which some may be missing."""

Labels = InstanceLabels | RegionLabels | BoxLabels | PointLabels | ImageTags


def instances_of(labels: Labels) -> InstanceLabels:
    """Return labels of separate objects.

    Raises
    ------
    InputError
        If they are of another kind.
    """
    if not isinstance(labels, InstanceLabels):
        raise InputError(
            "Masks with an id for each object are needed here, not masks of regions, boxes, "
            "points or image labels: import instance masks."
        )
    return labels


def regions_of(labels: Labels) -> RegionLabels:
    """Return the class of each pixel, of instances too.

    Raises
    ------
    InputError
        If the pixels have no labels.
    """
    if isinstance(labels, RegionLabels):
        return labels
    if isinstance(labels, InstanceLabels):
        return RegionLabels(labels.class_map())
    raise InputError(
        "Masks are needed here, not boxes, points or image labels: import masks of regions or "
        "objects."
    )


def unknown_pixels(labels: Labels) -> NDArray[np.bool_] | None:
    """Return where it is not known what an image shows, its shape; None: it is known everywhere."""
    if isinstance(labels, BoxLabels):
        return labels.unknown
    if isinstance(labels, PixelLabels) and (unknown := labels.array == UNKNOWN).any():
        return np.asarray(unknown)
    return None


def lie_where_known(found: Boxes, labels: Labels) -> NDArray[np.bool_]:
    """Return which boxes have their middle where it is known what the image shows."""
    unknown = unknown_pixels(labels)
    if unknown is None or not len(found):
        return np.ones(len(found), np.bool_)
    pixels = np.clip(np.floor(found.centers() + 0.5).astype(int), 0, np.array(unknown.shape) - 1)
    return np.asarray(~unknown[tuple(pixels.T)])


def incomplete_classes(labels: Labels) -> frozenset[int]:
    """Return the values of the classes of which not every object is in the labels."""
    return labels.incomplete if isinstance(labels, ObjectLabels) else frozenset()


def boxes_of(labels: Labels) -> Boxes:
    """Return the boxes of the objects: those that are known, or those around instances.

    Raises
    ------
    InputError
        If the labels hold neither.
    """
    return labels.boxes if isinstance(labels, BoxLabels) else instances_of(labels).boxes()


@dataclass(frozen=True, eq=False)
class DualImage:
    """A synthetic micrograph and its exact labels, made together; or a real image and its truth.

    Attributes
    ----------
    image
        Shape (channel, [z,] y, x), float32, in the normalized intensity of the images it was
        made from.
    labels
        Exact labels of the same spatial shape.
    index
        Number of the pair in its synthesizer's sequence.
    rejection_reason
        Why nothing should learn from the pair, in words; it is still shown. Usually ''.
    is_real
        Whether the pixels are those of a real image.
    """

    image: NDArray[np.float32]
    labels: Labels
    index: int
    rejection_reason: str = ""
    is_real: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels and their labels."""
        labels = self.labels.array.nbytes if isinstance(self.labels, PixelLabels) else 0
        return self.image.nbytes + labels


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Real images, or parts of them, with masks of regions.

    Attributes
    ----------
    train
        What is learned from; `DualImage.labels` are `RegionLabels`.
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
        """Digest of all pixels and masks; names of files do not count."""
        digest = hashlib.sha256(repr(self.class_values).encode())
        for part in (self.train, self.held):
            digest.update(str(len(part)).encode())
            for pair in part:
                for array in (pair.image, regions_of(pair.labels).values):
                    digest.update(str(array.shape).encode())
                    digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:20]


def count_values(values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return how many pixels have each class value (256 entries); `UNKNOWN` has none.

    In blocks, as NumPy counts in copies of eight bytes a pixel.
    """
    flat = values.reshape(-1)
    counts = np.zeros(256, np.int64)
    for start in range(0, flat.size, COUNTED_AT_ONCE_PX):
        part = flat[start : start + COUNTED_AT_ONCE_PX]
        counts += np.bincount(part[part >= 0], minlength=256)
    return counts
