"""The shape of a mask: how solid and how long it is, and the pixels beside one within a plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.patches.window import bounds


@cache
def planar_cross(ndim: int) -> NDArray[np.bool_]:
    """Return the neighbors of a pixel along y and x, in a read-only array of `ndim` axes."""
    cross: NDArray[np.bool_] = ndimage.generate_binary_structure(2, 1)
    cross = cross.reshape((1,) * (ndim - 2) + cross.shape)
    cross.flags.writeable = False
    return cross


def elongation(mask: NDArray[np.bool_], spacing: Sequence[float]) -> float:
    """Return about how many times longer than wide an object is, along its bends.

    A disk has 0.8. `spacing` is the distance of pixels along each axis, in units of the shortest.
    """
    box = mask[tuple(slice(a, b) for a, b in bounds(mask))]
    depth = ndimage.distance_transform_edt(np.pad(box, 1), sampling=spacing)
    # twice the depth is the width where that is even, and a pixel more where it is odd
    width = 2 * float(depth.max()) - 0.5
    return float(np.count_nonzero(mask) * math.prod(spacing) / width**mask.ndim)


@dataclass(frozen=True)
class Elongations:
    """The `elongation` of each of many objects; `cut_off` are those that a border may cut off."""

    whole: list[float] = field(default_factory=list)
    cut_off: list[float] = field(default_factory=list)

    def add(self, ids: NDArray[Any], spacing: Sequence[float] = ()) -> None:
        """Measure the objects of a label image, or one object's mask, ([z,] y, x).

        `spacing` is the distance of pixels along each axis, in units of the shortest; empty: all
        alike.
        """
        for instance, box in enumerate(ndimage.find_objects(np.maximum(ids, 0)), 1):
            if box is not None:
                inside = (s.start > 0 and s.stop < n for s, n in zip(box, ids.shape, strict=True))
                length = elongation(ids[box] == instance, spacing or (1.0,) * ids.ndim)
                (self.whole if all(inside) else self.cut_off).append(length)

    @property
    def usual(self) -> float:
        """The median, where some objects are whole of these; 0: there are none."""
        return float(np.median(self.whole or self.cut_off or [0.0]))


def solidity(mask: NDArray[np.bool_]) -> float:
    """Return the mask's share of its convex hull; of a volume, its planes' shares of theirs.

    In planes a few voxels thick no ball fills its hull.
    """
    planes = mask.reshape(-1, *mask.shape[-2:])
    full = sum(_hull_area(plane) for plane in planes if plane.any())
    return float(np.count_nonzero(mask) / full) if full else 1.0


def _hull_area(mask: NDArray[np.bool_]) -> float:
    """Return the area of the convex hull of a plane's pixels, which are squares."""
    from scipy.spatial import ConvexHull

    # of each line along the last axis its two ends are enough
    rows = np.flatnonzero(mask.any(axis=-1))
    lines = mask[rows]
    ends = lines.argmax(axis=1), lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
    corners = np.concatenate([np.column_stack([rows, end]) for end in ends])
    shifts = np.array(list(product((-0.5, 0.5), repeat=2)))
    return float(ConvexHull((corners[:, None] + shifts).reshape(-1, 2)).volume)
