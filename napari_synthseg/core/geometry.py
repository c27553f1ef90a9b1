"""Regions of an image (half-open boxes in full-image pixel coordinates), polygons, and balls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Region = tuple[tuple[int, int], ...]
"""One ``(start, stop)`` per spatial axis, in the order ([z,] y, x); half-open, pixels."""

Ring = NDArray[np.float64]
"""Vertices of a closed line, shape (vertex, 2), order y, x; the last one is joined to the first."""

Mask = NDArray[np.bool_]

CROSSINGS_AT_ONCE = 2**21
"""Places where edges cross rows, so that memory stays bounded."""

ROUNDING = 1e-9
"""Pixels by which a line that goes through centers of pixels may come out beside them."""


def full_region(shape: Sequence[int]) -> Region:
    """Return the region that covers a whole spatial shape."""
    return tuple((0, int(n)) for n in shape)


def region_at(origin: Sequence[int], shape: Sequence[int]) -> Region:
    """Return the region of a spatial shape whose first pixel lies at `origin`."""
    return tuple((o, o + n) for o, n in zip(origin, shape, strict=True))


def region_shape(region: Region) -> tuple[int, ...]:
    """Return the extent of a region along each axis, in pixels."""
    return tuple(stop - start for start, stop in region)


def region_slices(region: Region, origin: Sequence[int] | None = None) -> tuple[slice, ...]:
    """Return slices that cut `region` from an array whose first pixel lies at `origin`."""
    offset = origin if origin is not None else (0,) * len(region)
    return tuple(slice(a - o, b - o) for (a, b), o in zip(region, offset, strict=True))


def intersect(first: Region, second: Region) -> Region | None:
    """Return the common part of two regions, or None where they share no pixel."""
    common = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(first, second, strict=True))
    return common if all(start < stop for start, stop in common) else None


def lies_in(region: Region, limit: Region) -> bool:
    """Tell whether a region holds a pixel and lies inside a limit."""
    return len(region) == len(limit) and all(
        low <= start < stop <= high
        for (start, stop), (low, high) in zip(region, limit, strict=True)
    )


def contains(region: Region, position: Sequence[float]) -> bool:
    """Tell whether a position (pixels, pixel centers at whole numbers) lies in a region."""
    return all(
        start - 0.5 <= p < stop - 0.5 for (start, stop), p in zip(region, position, strict=True)
    )


BORDER_PX = 0.5
"""How far outside of an image a position may lie: programs count from the edge or the center."""


def onto_border(position: Sequence[float], whole: Region) -> tuple[float, ...]:
    """Return a position with what lies at most `BORDER_PX` outside moved to the nearest pixel."""
    moved = []
    for p, (start, stop) in zip(position, whole, strict=True):
        low, high = start - 0.5, stop - 0.5
        if low - BORDER_PX < p < low:
            moved.append(float(start))
        elif high <= p <= high + BORDER_PX:
            moved.append(float(stop - 1))
        else:
            moved.append(p)
    return tuple(moved)


def divide_region(region: Region, block: Sequence[int]) -> Iterator[Region]:
    """Divide a region into blocks of a shape, smaller ones at the far ends."""
    yield from product(
        *(
            [(a, min(a + edge, stop)) for a in range(start, stop, edge)]
            for (start, stop), edge in zip(region, block, strict=True)
        )
    )


def widen_region(core: Region, margin: Sequence[int], limit: Region) -> Region:
    """Widen a region by a margin along each axis, inside a limit."""
    return tuple(
        (max(a - m, low), min(b + m, high))
        for (a, b), m, (low, high) in zip(core, margin, limit, strict=True)
    )


def ball(radii: Sequence[float]) -> float:
    """Return the area (2D) or volume (3D) of an ellipsoid of these radii along the axes."""
    unit = math.pi if len(radii) == 2 else 4 / 3 * math.pi
    return float(unit * math.prod(float(r) for r in radii))


def fill_rings(rings: Sequence[Ring], shape: tuple[int, int]) -> Mask:
    """Return which pixels have their center inside an odd number of rings.

    `skimage.draw.polygon` compares each pixel with each edge, which takes hours for the outline of
    a tissue; this only looks where edges cross rows.
    """
    height, width = shape
    # whether the next pixels of a row lie on the other side; one column more for edges beyond
    crossed = np.zeros((height, width + 1), np.uint8)
    starts = np.concatenate(rings) - 0.5  # centers of pixels are at whole numbers from here on
    ends = np.concatenate([part for ring in rings for part in (ring[1:], ring[:1])]) - 0.5
    step = max(1, CROSSINGS_AT_ONCE // max(height, 1))
    for first in range(0, len(starts), step):
        part = slice(first, first + step)
        _cross_rows(starts[part], ends[part], crossed)
    inside: Mask = np.bitwise_xor.accumulate(crossed, axis=1)[:, :width].astype(bool)
    return inside


def _cross_rows(starts: Ring, ends: Ring, crossed: NDArray[np.uint8]) -> None:
    """Mark the first pixel to the right of each place where an edge crosses a row."""
    height, width = crossed.shape[0], crossed.shape[1] - 1
    down = (starts[:, 0] <= ends[:, 0])[:, None]  # the same for both neighbors of an edge
    upper, lower = np.where(down, starts, ends), np.where(down, ends, starts)
    first, stop = (
        np.minimum(np.maximum(np.floor(edge[:, 0]) + 1, 0), height).astype(np.int64)
        for edge in (upper, lower)
    )
    counts = stop - first
    edges = np.arange(len(counts)).repeat(counts)
    rows = np.arange(len(edges)) + (first - counts.cumsum() + counts)[edges]
    (y0, x0), (y1, x1) = upper[edges].T, lower[edges].T
    at = x0 + (rows - y0) / (y1 - y0) * (x1 - x0)
    columns = np.minimum(np.maximum(np.floor(at + ROUNDING) + 1, 0), width).astype(np.int64)
    np.bitwise_xor.at(crossed, (rows, columns), 1)


def in_rings(rings: Sequence[Sequence[tuple[float, float]]], point: Sequence[float]) -> bool:
    """Tell whether a point lies inside an odd number of rings, as `fill_rings` counts them."""
    y, x = point
    inside = False
    for ring in rings:
        for (y0, x0), (y1, x1) in zip(ring, (*ring[1:], *ring[:1]), strict=True):
            if (y0 < y) != (y1 < y):
                inside ^= x0 + (y - y0) * (x1 - x0) / (y1 - y0) + ROUNDING < x
    return inside
