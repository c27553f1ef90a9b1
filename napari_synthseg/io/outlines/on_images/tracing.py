"""From a mask to polygons that hold exactly its pixels.

Corners lie where pixels meet: pixel (y, x) covers the square from (y, x) to (y + 1, x + 1), as in
our boxes. So a pixel belongs to the mask where its middle, (y + 0.5, x + 0.5), lies in a polygon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vertices = NDArray[np.int64] | NDArray[np.float64]
"""Corners (y, x) of a closed line that does not touch itself, shape (corner, 2); the first is not
repeated."""

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""The directions of edges: right, down, left, up."""


@dataclass(frozen=True, eq=False)
class Polygon:
    """One connected part of an object.

    Attributes
    ----------
    exterior
        Its outer line, clockwise on the screen (y down).
    holes
        The lines round what it leaves out, counterclockwise.
    """

    exterior: Vertices
    holes: tuple[Vertices, ...] = ()

    @property
    def rings(self) -> tuple[Vertices, ...]:
        """All lines, the exterior first."""
        return (self.exterior, *self.holes)


def trace_mask(mask: NDArray[np.bool_], origin: tuple[int, int] = (0, 0)) -> list[Polygon]:
    """Return the polygons of a mask, the one with the most pixels first.

    Pixels that touch at a corner only are parts of their own. Rings are simple: no ring meets a
    corner twice, but two rings may share single corners, as the rules for polygons of GeoJSON and
    OGC allow.

    Parameters
    ----------
    mask
        Shape (y, x).
    origin
        Position of the mask's first pixel in the image.
    """
    from scipy.ndimage import find_objects, label

    parts, _ = label(mask)
    polygons = []
    for number, box in enumerate(find_objects(parts), start=1):
        part = parts[box] == number
        corner = [start + s.start for start, s in zip(origin, box, strict=True)]
        rings = [ring + corner for ring in _trace_part(part)]
        exterior = max(range(len(rings)), key=lambda n: signed_area(rings[n]))
        holes = tuple(ring for n, ring in enumerate(rings) if n != exterior)
        polygons.append((int(part.sum()), Polygon(rings[exterior], holes)))
    return [polygon for _, polygon in sorted(polygons, key=lambda pair: -pair[0])]


def joined_ring(polygons: Sequence[Polygon]) -> Vertices:
    """Return one ring for programs that know no holes and no parts.

    It walks from the first ring to each other one and back on the same way, so that what is held
    by an odd number of turns (as COCO and YOLO fill) are still exactly the pixels.
    """
    first, *others = (ring for polygon in polygons for ring in polygon.rings)
    start = first[:1]
    walks = [np.concatenate([start, ring, ring[:1]]) for ring in others]
    return np.concatenate([first, *walks])


def signed_area(ring: NDArray[np.generic]) -> float:
    """Return the area within a ring (corner, 2) of (y, x); negative if it is counterclockwise."""
    y, x = np.asarray(ring, np.float64).T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def _trace_part(part: NDArray[np.bool_]) -> list[Vertices]:
    """Return the simple rings round a mask; its pixels lie to the right of each edge."""
    padded = np.pad(part, 1)
    inside = padded[1:-1, 1:-1]
    # the edge of a pixel that is not shared with another one of the mask starts at this corner
    borders = (
        (inside & ~padded[:-2, 1:-1], (0, 0)),
        (inside & ~padded[1:-1, 2:], (0, 1)),
        (inside & ~padded[2:, 1:-1], (1, 1)),
        (inside & ~padded[1:-1, :-2], (1, 0)),
    )
    left: dict[tuple[int, int], list[int]] = {}
    for direction, (border, (down, right)) in enumerate(borders):
        for y, x in np.argwhere(border).tolist():
            left.setdefault((y + down, x + right), []).append(direction)
    rings = []
    while left:
        rings += _walk(left)
    return rings


def _walk(left: dict[tuple[int, int], list[int]]) -> list[Vertices]:
    """Follow edges from any corner until it is reached again, and take them out of what is left.

    Whenever a corner is met for the second time, the way since then is a ring of its own.
    """
    rings = []
    place = next(iter(left))
    way: list[tuple[int, int]] = []
    passed: dict[tuple[int, int], int] = {}
    while True:
        if place in passed:
            first = passed[place]
            rings.append(_corners(way[first:]))
            for corner in way[first:]:
                del passed[corner]
            del way[first:]
            if place not in left:
                return rings
        passed[place] = len(way)
        way.append(place)
        directions = left[place]
        step = _STEPS[directions.pop()]
        if not directions:
            del left[place]
        place = place[0] + step[0], place[1] + step[1]


def _corners(way: list[tuple[int, int]]) -> Vertices:
    """Return the places of a closed way at which it turns."""
    ring = np.array(way, np.int64)
    steps = np.diff(ring, axis=0, append=ring[:1])
    turns = (steps != np.roll(steps, 1, axis=0)).any(axis=1)
    corners: Vertices = ring[turns]
    return corners
