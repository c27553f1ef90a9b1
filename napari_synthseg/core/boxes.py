"""Boxes of objects, each with its class: what annotators draw where they draw no masks.

The convention, here and wherever a box is spoken of: ``(ymin, xmin, ymax, xmax)``, floats, in
pixels of the whole image, half-open like a slice. The box of the first pixel is ``(0, 0, 1, 1)``,
that of a whole image ``(0, 0, height, width)``, and a box's height is ``ymax - ymin``. Positions
have pixel *centers* at whole numbers, so that the center of ``(0, 0, 1, 1)`` is at ``(0, 0)``.
What other conventions a file format has is settled where the file is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.errors import InputError

Corners = tuple[float, float, float, float]
"""One box: ymin, xmin, ymax, xmax."""

BoxRow = tuple[float, float, float, float, int]
"""One box and its class value."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one image, true or predicted.

    Attributes
    ----------
    corners
        Shape (box, 4), float64, order (ymin, xmin, ymax, xmax), half-open, pixels.
    classes
        Class value of each box, shape (box,), int64.
    scores
        How sure the detector is of each box, shape (box,), float64; 1 for true boxes.
    """

    corners: NDArray[np.float64]
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]

    @classmethod
    def of(
        cls, corners: ArrayLike, classes: ArrayLike | int = 1, scores: ArrayLike | float = 1.0
    ) -> Boxes:
        """Make boxes from anything array-like; one class or score may stand for all of them.

        Raises
        ------
        InputError
            If a number is not finite, or a box ends before it begins.
        """
        array = np.asarray(corners, np.float64)
        array = array.reshape(0, 4) if array.size == 0 else array
        if array.ndim != 2 or array.shape[1] != 4 or not np.isfinite(array).all():
            raise InputError("Boxes must be finite numbers in the shape (box, 4).")
        if (array[:, 2:] < array[:, :2]).any():
            raise InputError("A box ends before it begins: the order is ymin, xmin, ymax, xmax.")
        confidence = np.broadcast_to(np.asarray(scores, np.float64), len(array)).copy()
        if not np.isfinite(confidence).all():
            raise InputError("The scores of boxes must be finite numbers.")
        return cls(
            array, np.broadcast_to(np.asarray(classes, np.int64), len(array)).copy(), confidence
        )

    @classmethod
    def of_rows(cls, rows: Sequence[BoxRow]) -> Boxes:
        """Make boxes from rows (ymin, xmin, ymax, xmax, class value); raises as `of`."""
        return cls.of([row[:4] for row in rows], [row[4] for row in rows] or 1)

    def rows(self) -> list[BoxRow]:
        """Return one row (ymin, xmin, ymax, xmax, class value) for each box."""
        pairs = zip(self.corners.tolist(), self.classes.tolist(), strict=True)
        return [(*corners, value) for corners, value in pairs]

    @classmethod
    def joined(cls, parts: Iterable[Boxes]) -> Boxes:
        """Return the boxes of all parts, one part after the other."""
        each = [cls.of([]), *parts]
        return cls(
            np.concatenate([p.corners for p in each]),
            np.concatenate([p.classes for p in each]),
            np.concatenate([p.scores for p in each]),
        )

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.corners)

    def take(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> Boxes:
        """Return the boxes at these places, or where this is true."""
        return Boxes(self.corners[which], self.classes[which], self.scores[which])

    def of_class(self, value: int) -> Boxes:
        """Return the boxes of one class, in their order."""
        return self.take(self.classes == value)

    def ranked(self) -> Boxes:
        """Return the boxes by falling score; boxes of equal score keep their order."""
        return self.take(np.argsort(-self.scores, kind="stable"))

    def shifted(self, offset: ArrayLike) -> Boxes:
        """Return the boxes moved by (y, x) pixels."""
        moved = self.corners + np.tile(np.asarray(offset, np.float64), 2)
        return Boxes(moved, self.classes, self.scores)

    def grown(self, factors: Mapping[int, float]) -> Boxes:
        """Return boxes scaled around their centers by `factors` (by class value; 1 if missing)."""
        if not factors:
            return self
        by = np.array([factors.get(value, 1.0) for value in self.classes.tolist()])
        extra = self.sizes() * (by[:, None] - 1) / 2
        return Boxes(self.corners + np.hstack([-extra, extra]), self.classes, self.scores)

    def share_in(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the share of each box that lies on an image of a shape (y, x), shape (box,)."""
        inside = np.clip(self.corners, 0, np.tile(np.array(shape, float), 2))
        sides = inside[:, 2:] - inside[:, :2]
        share: NDArray[np.float64] = np.prod(sides, axis=1) / np.maximum(
            box_areas(self.corners), 1e-9
        )
        return share

    def centers(self) -> NDArray[np.float64]:
        """Return the positions (y, x) of the centers, pixel centers at whole numbers, (box, 2)."""
        return (self.corners[:, :2] + self.corners[:, 2:]) / 2 - 0.5

    def sizes(self) -> NDArray[np.float64]:
        """Return height and width of each box in pixels, shape (box, 2)."""
        return self.corners[:, 2:] - self.corners[:, :2]


def center_of(corners: Corners) -> tuple[float, float]:
    """Return the position (y, x) of one box's center, pixel centers at whole numbers."""
    ymin, xmin, ymax, xmax = corners
    return (ymin + ymax) / 2 - 0.5, (xmin + xmax) / 2 - 0.5


MAX_PAIRS_AT_ONCE = 2**20
"""Pairs of boxes that are compared at once, so that memory stays bounded on large images."""


def measure_in_blocks(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the rows of `measure_box_iou` in blocks, each with the number of its first row."""
    step = max(1, MAX_PAIRS_AT_ONCE // max(len(other), 1))
    for first in range(0, len(one), step):
        yield first, measure_box_iou(one[first : first + step], other)


BOXES_AT_ONCE = 2**14
"""Boxes whose neighbors are looked up at once, so that memory stays bounded."""


def find_overlaps(
    one: NDArray[np.float64], other: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return all pairs of boxes whose intersection over union reaches a value above 0.

    Time and memory follow the number of boxes and of those near each other, not one x other. The
    values are those of `measure_box_iou`, to the last bit.

    Parameters
    ----------
    one, other
        Corners (ymin, xmin, ymax, xmax), half-open, pixels, shapes (n, 4) and (m, 4).

    Returns
    -------
    Indices into `one`, into `other`, and the intersection over union of each pair, by rising
    index into `one`.
    """
    from scipy.spatial import cKDTree

    # Along each axis the common part is at least `least` of the longer side. Of sides a and k * a
    # the middles are then (1 + k) / 2 - least * max(1, k) times a apart, k from least to 1 / least.
    apart = max(1 - least, 0.5 / least - 0.5)
    sides = one[:, 2:] - one[:, :2]
    reach = apart * sides.max(axis=1, initial=0.0) * (1 + 1e-9) + 1e-9
    tree = cKDTree((other[:, :2] + other[:, 2:]) / 2)
    middles = (one[:, :2] + one[:, 2:]) / 2
    found = []
    for first in range(0, len(one), BOXES_AT_ONCE):
        part = slice(first, first + BOXES_AT_ONCE)
        lists = tree.query_ball_point(middles[part], reach[part], p=np.inf)
        counts = [len(each) for each in lists]
        row = first + np.repeat(np.arange(len(lists)), counts)
        column = np.fromiter(chain.from_iterable(lists), np.intp, sum(counts))
        iou = _paired_iou(one[row], other[column])
        enough = iou >= least
        found.append((row[enough], column[enough], iou[enough]))
    rows, columns, values = zip(*found, strict=True) if found else ((), (), ())
    return (
        np.concatenate([np.empty(0, np.intp), *rows]),
        np.concatenate([np.empty(0, np.intp), *columns]),
        np.concatenate([np.empty(0), *values]),
    )


def _paired_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of boxes pair by pair, shape (n,)."""
    starts = np.maximum(one[:, :2], other[:, :2])
    ends = np.minimum(one[:, 2:], other[:, 2:])
    shared = np.asarray(np.prod(np.maximum(ends - starts, 0.0), axis=1), np.float64)
    union = box_areas(one) + box_areas(other) - shared
    iou = np.zeros_like(shared)
    np.divide(shared, union, out=iou, where=shared > 0.0)
    return iou


def measure_box_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each box of `one` with each of `other`.

    Parameters
    ----------
    one, other
        Corners (ymin, xmin, ymax, xmax), half-open, pixels, shapes (n, 4) and (m, 4).

    Returns
    -------
    Shape (n, m), float64; 0 where boxes do not overlap, so also for boxes without an area.
    """
    starts = np.maximum(one[:, None, :2], other[None, :, :2])
    ends = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.asarray(np.prod(np.maximum(ends - starts, 0.0), axis=2), np.float64)
    union = box_areas(one)[:, None] + box_areas(other)[None, :] - shared
    iou = np.zeros_like(shared)
    np.divide(shared, union, out=iou, where=shared > 0.0)
    return iou


def box_areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area of each box, square pixels, shape (box,)."""
    return np.asarray(np.prod(corners[:, 2:] - corners[:, :2], axis=1), np.float64)
