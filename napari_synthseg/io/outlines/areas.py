"""Which pixels an outline holds: polygons with holes, and masks.

Vertices are counted from the corner of the first pixel, order y, x, as corners of boxes are: pixel
(y, x) covers the square from (y, x) to (y + 1, x + 1), and belongs to an outline that holds its
center. One whose center lies on the line belongs to it on the right and at the bottom only, as in
ImageJ, so that neighbors that share an edge share no pixel and leave none out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.geometry import ROUNDING, fill_rings
from napari_synthseg.core.geometry import Mask as Mask
from napari_synthseg.core.geometry import Ring as Ring

Origin = tuple[int, int]
"""Row and column of the first pixel of a mask."""


@dataclass(frozen=True, eq=False)
class PolygonArea:
    """One or several polygons that are one object.

    Attributes
    ----------
    polygons
        The rings of each. Where an odd number of a polygon's rings lie round a pixel it is inside,
        so that a second ring in the first one is a hole.
    """

    polygons: tuple[tuple[Ring, ...], ...]

    @property
    def bounds(self) -> Corners:
        """The box around it; see `napari_synthseg.core.boxes`."""
        points = np.concatenate([ring for rings in self.polygons for ring in rings])
        (ymin, xmin), (ymax, xmax) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return ymin, xmin, ymax, xmax

    def draw(self, shape: tuple[int, int]) -> tuple[Mask, Origin]:
        """Return its pixels on an image of a shape, in a mask that is no larger than needed."""
        origin, size = _window(self.bounds, shape)
        mask = np.zeros(size, bool)
        for rings in self.polygons:
            mask |= fill_rings([ring - origin for ring in rings], size)
        return mask, origin


@dataclass(frozen=True, eq=False)
class EllipseArea:
    """An ellipse with its line.

    Attributes
    ----------
    center, radii
        Of its axes, order y, x.
    turn
        By how much it is turned round its center, clockwise, in radians.
    """

    center: tuple[float, float]
    radii: tuple[float, float]
    turn: float = 0.0

    @property
    def bounds(self) -> Corners:
        """The box around it; see `napari_synthseg.core.boxes`."""
        (y, x), (sine, cosine) = self.center, (math.sin(self.turn), math.cos(self.turn))
        high = math.hypot(self.radii[0] * cosine, self.radii[1] * sine)
        wide = math.hypot(self.radii[0] * sine, self.radii[1] * cosine)
        return y - high, x - wide, y + high, x + wide

    def draw(self, shape: tuple[int, int]) -> tuple[Mask, Origin]:
        """Return its pixels on an image of a shape, in a mask that is no larger than needed."""
        origin, (height, width) = _window(self.bounds, shape)
        (ry, rx), sine, cosine = self.radii, math.sin(self.turn), math.cos(self.turn)
        # a x^2 + 2 b x y + c y^2 = 1, solved for x in each row
        a, b = (cosine / rx) ** 2 + (sine / ry) ** 2, sine * cosine * (rx**-2 - ry**-2)
        y = np.arange(height) + (0.5 + origin[0] - self.center[0])
        root = a - (y / (rx * ry)) ** 2
        half = np.sqrt(np.maximum(root, 0)) / a + ROUNDING
        middle = self.center[1] - origin[1] - 0.5 - b * y / a
        columns = np.arange(width)
        inside = (columns >= (middle - half)[:, None]) & (columns <= (middle + half)[:, None])
        return inside & (root >= -ROUNDING)[:, None], origin


@dataclass(frozen=True, eq=False)
class MaskArea:
    """An object that is given pixel by pixel.

    Attributes
    ----------
    mask
        Shape (y, x).
    origin
        Where its first pixel lies.
    """

    mask: Mask
    origin: Origin = (0, 0)

    @property
    def bounds(self) -> Corners:
        """The box around the mask, whichever of its pixels are set."""
        (top, left), (height, width) = self.origin, self.mask.shape
        return float(top), float(left), float(top + height), float(left + width)

    def draw(self, shape: tuple[int, int]) -> tuple[Mask, Origin]:
        """Return the part that lies on an image of a shape."""
        top, left = (min(max(at, 0), n) for at, n in zip(self.origin, shape, strict=True))
        rows = slice(top - self.origin[0], max(shape[0] - self.origin[0], 0))
        columns = slice(left - self.origin[1], max(shape[1] - self.origin[1], 0))
        return self.mask[rows, columns], (top, left)


@dataclass(frozen=True, eq=False)
class JoinedArea:
    """Several areas that are one object."""

    parts: tuple[Area, ...]

    @property
    def bounds(self) -> Corners:
        """The box around all; see `napari_synthseg.core.boxes`."""
        ymin, xmin, ymax, xmax = zip(*(part.bounds for part in self.parts), strict=True)
        return min(ymin), min(xmin), max(ymax), max(xmax)

    def draw(self, shape: tuple[int, int]) -> tuple[Mask, Origin]:
        """Return its pixels on an image of a shape, in a mask that is no larger than needed."""
        origin, size = _window(self.bounds, shape)
        whole = np.zeros(size, bool)
        for part in self.parts:
            mask, corner = part.draw(shape)
            top, left = (a - b for a, b in zip(corner, origin, strict=True))
            whole[top : top + mask.shape[0], left : left + mask.shape[1]] |= mask
        return whole, origin


Area = PolygonArea | EllipseArea | MaskArea | JoinedArea
"""The pixels of one object."""


def _window(bounds: Corners, shape: tuple[int, int]) -> tuple[Origin, tuple[int, int]]:
    """Return first pixel and size of the part of an image in which something lies."""
    starts = [math.floor(min(max(edge, 0), n)) for edge, n in zip(bounds, shape, strict=False)]
    stops = [math.ceil(min(max(edge, 0), n)) for edge, n in zip(bounds[2:], shape, strict=True)]
    return (starts[0], starts[1]), (stops[0] - starts[0], stops[1] - starts[1])


def rectangle(corners: Corners) -> PolygonArea:
    """Return the area of a box; see `napari_synthseg.core.boxes`."""
    ymin, xmin, ymax, xmax = corners
    ring = np.array([(ymin, xmin), (ymin, xmax), (ymax, xmax), (ymax, xmin)], float)
    return PolygonArea(((ring,),))


def turned_rectangle(center: Sequence[float], sides: Sequence[float], turn: float) -> PolygonArea:
    """Return a rectangle of height and width `sides`, turned clockwise by an angle in radians."""
    corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * np.asarray(sides) / 2
    return PolygonArea(((turned(corners, turn) + center,),))


def rounded_rectangle(corners: Corners, radius: float) -> PolygonArea:
    """Return a rectangle with rounded corners."""
    ymin, xmin, ymax, xmax = corners
    half = np.array([ymax - ymin, xmax - xmin]) / 2
    radii = np.minimum(radius, half)
    ring = ellipse_vertices(radii, 180)
    return PolygonArea(((ring + np.sign(ring) * (half - radii) + (ymin, xmin) + half,),))


def ellipse_vertices(radii: ArrayLike, count: int) -> Ring:
    """Return vertices on an ellipse around (0, 0), clockwise, the first one to the right."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ring: Ring = np.stack([np.sin(angles), np.cos(angles)], axis=1) * np.asarray(radii, np.float64)
    return ring


def turned(points: Ring, turn: float) -> Ring:
    """Return points turned clockwise round (0, 0) by an angle in radians."""
    y, x = points.T
    return np.stack(
        [y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)], axis=1
    )


def crop_mask(mask: NDArray[Any], origin: Origin = (0, 0)) -> MaskArea:
    """Return the area of a mask without the empty rows and columns around it."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return MaskArea(np.zeros((0, 0), bool), origin)
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(bool)
    return MaskArea(part, (origin[0] + top, origin[1] + left))
