"""The convex hulls of many flat objects at once: how many pixels they cover, and how long they are.

An object is known by the first and the last of its pixels in each of its rows, which is all that
its hull depends on. The hull is that of the middles of the edges of all pixels, and covers the
pixels whose middle it holds, its border included: as in scikit-image, to the pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS_AT_ONCE = 1 << 17
"""Cells (object x half row) of the tables that are worked on together."""


@dataclass(frozen=True, eq=False)
class RowSpans:
    """The rows of many objects, one object after the other.

    Attributes
    ----------
    heights
        Number of rows of each object, from its first to its last, shape (object,).
    first, last
        Column of the first and the last pixel in each row, shape (row of all objects,); a row
        without a pixel has a first one behind the last.
    """

    heights: NDArray[np.intp]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def measure_hulls(
    spans: RowSpans, spacing: tuple[float, float]
) -> tuple[NDArray[np.int64], Floats]:
    """Return pixels of the convex hull, and largest distance of two points of it, of each object.

    Parameters
    ----------
    spans
        The objects.
    spacing
        Height and width of a pixel; distances are in its unit.

    Returns
    -------
    Shapes (object,) both.
    """
    areas = np.zeros(len(spans.heights), np.int64)
    lengths = np.zeros(len(spans.heights))
    for members, left, right in _tables(spans):
        first, last = _hull_rows(left, right)
        shown = first <= last
        areas[members] = np.where(shown, last - first + 1, 0).sum(axis=1)
        low, high = np.where(shown, first, np.inf), np.where(shown, last, -np.inf)
        lengths[members] = _largest_distance(*_half_rows(low, high), spacing)
    return areas, lengths


def _tables(spans: RowSpans) -> Iterator[tuple[NDArray[np.intp], Floats, Floats]]:
    """Yield some objects of similar height: their numbers, and first and last pixels by row.

    Shapes (object, row); rows without a pixel are inf and -inf.
    """
    starts = np.cumsum(spans.heights) - spans.heights
    order = np.argsort(spans.heights, kind="stable")
    order = order[spans.heights[order] > 0]
    begin = 0
    while begin < len(order):
        end = begin + 1
        room = CELLS_AT_ONCE // 2
        while end < len(order) and spans.heights[order[end]] * (end + 1 - begin) <= room:
            # as many again as fit by the height of the last, at least one more
            fitting = begin + room // int(spans.heights[order[end]])
            end = min(max(end + 1, (end + fitting) // 2), len(order))
        members = order[begin:end]
        rows = np.arange(spans.heights[members[-1]])
        inside = rows < spans.heights[members][:, None]
        index = np.where(inside, starts[members][:, None] + rows, 0)
        first, last = spans.first[index], spans.last[index]
        inside &= first <= last
        yield members, np.where(inside, first, np.inf), np.where(inside, last, -np.inf)
        begin = end


def _half_rows(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return the outermost middles of pixel edges in each half row, in half pixels.

    Of `rows` rows there are 2 * rows + 1: the upper edge of the first, its middle, and so on.
    """
    count, rows = left.shape
    low = np.full((count, 2 * rows + 1), np.inf)
    high = np.full((count, 2 * rows + 1), -np.inf)
    low[:, 1::2], high[:, 1::2] = 2 * left - 1, 2 * right + 1
    for edge in (slice(0, -1, 2), slice(2, None, 2)):
        low[:, edge] = np.minimum(low[:, edge], 2 * left)
        high[:, edge] = np.maximum(high[:, edge], 2 * right)
    return low, high


def _hull_rows(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return the first and the last pixel of the hull in each row; inf, -inf where it has none."""
    low, high = _half_rows(left, right)
    return np.ceil(_envelope(low)[:, 1::2] / 2), -np.ceil(_envelope(-high)[:, 1::2] / 2)


def _envelope(points: Floats) -> Floats:
    """Return the lower convex hull of points at places 0, 1, ..., rounded up to whole numbers.

    Rows of `points` are whole numbers, or inf where there is none. Walks from corner to corner,
    for all rows at once: the next corner is where the way down is steepest, of several the last.
    """
    count, places = points.shape
    where, rows = np.arange(places), np.arange(count)
    found = np.full(points.shape, np.inf)
    at = np.argmax(np.isfinite(points), axis=1)
    last = places - 1 - np.argmax(np.isfinite(points)[:, ::-1], axis=1)
    found[rows, at] = points[rows, at]
    while (going := at < last).any():
        rows, at, last = rows[going], at[going], last[going]
        mine, here = points[rows], points[rows, at][:, None]
        steps = where - at[:, None]
        slopes = np.where(steps > 0, (mine - here) / np.maximum(steps, 1), np.inf)
        following = places - 1 - np.argmin(slopes[:, ::-1], axis=1)
        rise = points[rows, following][:, None] - here
        way = (following - at)[:, None]
        passed = (steps > 0) & (where <= following[:, None])
        values = here + np.ceil(rise * steps / way)  # whole numbers: the quotient is exact
        found[rows] = np.where(passed, values, found[rows])
        at = following
    return found


def _largest_distance(low: Floats, high: Floats, spacing: tuple[float, float]) -> Floats:
    """Return the largest distance of two points, given the outermost of each half row."""
    half_height, half_width = (length / 2 for length in spacing)
    low, high = low * half_width, high * half_width
    largest = np.zeros(len(low))
    for apart in range(low.shape[1]):
        upper, lower = slice(None, low.shape[1] - apart), slice(apart, None)
        width = np.maximum(high[:, lower] - low[:, upper], high[:, upper] - low[:, lower])
        squares = np.maximum(width, 0) ** 2 + (apart * half_height) ** 2
        squares[~np.isfinite(width)] = 0
        np.maximum(largest, squares.max(axis=1), out=largest)
    return np.sqrt(largest)
