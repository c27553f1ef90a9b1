"""True objects that a heat map may point at, from masks or from boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    UNKNOWN,
    BoxLabels,
    InstanceLabels,
    unknown_pixels,
)
from napari_synthseg.metrics.checks import require_known_classes


@dataclass(frozen=True, eq=False)
class Target:
    """One true object.

    Attributes
    ----------
    place
        Rows and columns of the image that hold the object.
    mask
        Which pixels of the place belong to it, bool; all of them where only a box is known.
    corners
        Its box (ymin, xmin, ymax, xmax), half-open, pixels, shape (4,).
    diameter
        Pixels: of the disk of the same area, or the root of the area of a box, which is what a
        round object in a square box has.
    """

    place: tuple[slice, slice]
    mask: NDArray[np.bool_]
    corners: NDArray[np.float64]
    diameter: float


@dataclass(frozen=True, eq=False)
class Targets:
    """The true objects of one class on one image.

    Attributes
    ----------
    objects
        At least one.
    known
        Where it is known what the image shows, bool, (y, x).
    """

    objects: tuple[Target, ...]
    known: NDArray[np.bool_]

    def cover(self, tolerance: float = 0.0) -> NDArray[np.bool_]:
        """Return the pixels that lie in an object, or near one; shape (y, x).

        Parameters
        ----------
        tolerance
            How far from an object is near, in diameters of that object, >= 0.
        """
        from scipy.ndimage import distance_transform_edt

        covered = np.zeros(self.known.shape, np.bool_)
        for target in self.objects:
            reach = tolerance * target.diameter
            place, mask = _grow(target, int(reach), self.known.shape)
            covered[place] |= distance_transform_edt(~mask) <= reach if reach >= 1.0 else mask
        return covered

    def hold(self, points: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return which object holds which point: indices into both, one pair each.

        Parameters
        ----------
        points
            Pixels of the image, shape (point, 2), whole numbers.
        """
        pixels = points.astype(np.intp)
        rows: list[int] = []
        columns: list[int] = []
        for i, target in enumerate(self.objects):
            local = pixels - [s.start for s in target.place]
            near = np.flatnonzero(((local >= 0) & (local < target.mask.shape)).all(axis=1))
            held = near[target.mask[tuple(local[near].T)]]
            rows += [i] * held.size
            columns += held.tolist()
        return np.array(rows, np.intp), np.array(columns, np.intp)

    @property
    def corners(self) -> NDArray[np.float64]:
        """Boxes of the objects, shape (object, 4)."""
        return np.array([target.corners for target in self.objects])

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the known pixels that each object covers, shape (object,)."""
        return np.array([t.mask.sum() for t in self.objects]) / float(np.count_nonzero(self.known))

    @property
    def diameter(self) -> float:
        """Median diameter of the objects, pixels."""
        return float(np.median([target.diameter for target in self.objects]))


def find_targets(
    truth: InstanceLabels | BoxLabels | Boxes,
    shape: tuple[int, ...],
    class_names: Mapping[int, str],
) -> dict[int, Targets]:
    """Return class value -> its objects, for the classes that are on the image.

    Parameters
    ----------
    truth
        Masks or boxes. Ids without a class belong to the first. A pixel lies in a box if its
        center does; what reaches out of the image is cut off.
    shape
        Of the image, (y, x).
    class_names
        Class value -> name.

    Raises
    ------
    InputError
        If masks have another shape or negative ids, a box covers no pixel, or a class has no name.
    """
    if not isinstance(truth, Boxes) and truth.shape != shape:
        raise InputError(
            f"the truth has shape {truth.shape}, the heat map {shape}: both must cover the same "
            "pixels."
        )
    objects: dict[int, list[Target]] = {}
    unknown = None if isinstance(truth, Boxes) else unknown_pixels(truth)
    found = (
        _from_masks(truth, next(iter(class_names)))
        if isinstance(truth, InstanceLabels)
        else _from_boxes(truth if isinstance(truth, Boxes) else truth.boxes, shape)
    )
    for value, target in found:
        objects.setdefault(value, []).append(target)
    require_known_classes("the truth", objects, class_names)
    known = np.ones(shape, np.bool_) if unknown is None else ~unknown
    return {value: Targets(tuple(each), known) for value, each in sorted(objects.items())}


def _from_masks(labels: InstanceLabels, first: int) -> Iterator[tuple[int, Target]]:
    if labels.ids.min(initial=0) < UNKNOWN:
        raise InputError(f"the truth holds the id {labels.ids.min()}: save 0 in its place.")
    for i, place in labels.slices().items():
        mask = labels.ids[place] == i
        starts, stops = zip(*((s.start, s.stop) for s in place), strict=True)
        yield (
            labels.classes.get(i, first),
            Target(
                (place[0], place[1]),
                mask,
                np.array([*starts, *stops], np.float64),
                2.0 * float(np.sqrt(mask.sum() / np.pi)),
            ),
        )


def covers_pixels(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which boxes hold the center of a pixel of an image of this shape, (y, x)."""
    pixels = _pixels_in(boxes, shape)
    return np.asarray((pixels[:, 2:] > pixels[:, :2]).all(axis=1))


def _pixels_in(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the pixels in boxes (first row, first column, ends of both), cut off at the border."""
    limits = np.array([*shape, *shape])
    return np.clip(np.ceil(boxes.corners), 0, limits).astype(np.intp)


def _from_boxes(boxes: Boxes, shape: tuple[int, ...]) -> Iterator[tuple[int, Target]]:
    pixels = _pixels_in(boxes, shape)
    for (top, left, bottom, right), corners, value in zip(
        pixels.tolist(), boxes.corners, boxes.classes.tolist(), strict=True
    ):
        if bottom <= top or right <= left:
            raise InputError(
                f"the box {', '.join(f'{c:g}' for c in corners)} (ymin, xmin, ymax, xmax) covers "
                f"no pixel of the heat map, which has the shape {shape}."
            )
        sides = corners[2:] - corners[:2]
        mask = np.ones((bottom - top, right - left), np.bool_)
        place = (slice(top, bottom), slice(left, right))
        yield value, Target(place, mask, corners, float(np.sqrt(np.prod(sides))))


def _grow(
    target: Target, margin: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
    """Return the target's place and mask with a margin around, as far as the image goes."""
    sides = list(zip(target.place, shape, strict=True))
    pads = [(min(margin, s.start), min(margin, n - s.stop)) for s, n in sides]
    place = (slice(s.start - b, s.stop + a) for s, (b, a) in zip(target.place, pads, strict=True))
    return tuple(place), np.pad(target.mask, pads)
