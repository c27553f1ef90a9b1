"""The nearest-seed map: which click is nearest to each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.patches.masks.clicks import Seeds

MAX_REACH_RADII = 2.5
"""No object reaches further from its click than this, in radii of its class."""


@dataclass(frozen=True, eq=False)
class NearestSeedMap:
    """For each pixel the nearest click (1..n, 0 = none in reach) and its distance in radii."""

    owner: NDArray[np.int32]
    distance: NDArray[np.float32]
    seeds: Seeds

    def disks(self, radius: float) -> NDArray[np.int32]:
        """Return the clicks' own disks; every click has at least its own pixel."""
        disks = np.where(self.distance < radius, self.owner, 0).astype(np.int32)
        disks[self.seeds.pixels(disks.shape)] = np.arange(1, len(self.seeds) + 1)
        return disks


def scale_along(radius: NDArray[np.float64], share: float, least: float) -> NDArray[np.float64]:
    """Return a share of a radius (pixels along each axis), at least `least` along the finest axis.

    Where planes lie apart it is shorter along z, in pixels, also where it is the least.
    """
    finest = radius.max()
    along: NDArray[np.float64] = max(least, share * finest) * (radius / finest)
    return along


def map_nearest_seeds(
    shape: tuple[int, ...], seeds: Seeds, reach: float = MAX_REACH_RADII
) -> NearestSeedMap:
    """Give every pixel in reach (radii) of a click to the nearest one."""
    owner = np.zeros(shape, np.int32)
    distance = np.full(shape, np.inf, np.float32)
    for number, (position, radius) in enumerate(
        zip(seeds.positions, seeds.radii, strict=True), start=1
    ):
        box = tuple(
            slice(max(0, int(p - reach * r)), max(0, min(n, int(p + reach * r) + 2)))
            for p, r, n in zip(position, radius, shape, strict=True)
        )
        away = ellipsoid_distance(box, position, radius)
        closer = (away < distance[box]) & (away < reach)
        owner[box][closer] = number
        distance[box][closer] = away[closer]
    return NearestSeedMap(owner, distance, seeds)


def ellipsoid_distance(
    box: tuple[slice, ...], center: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the distance of each pixel of `box` to `center`, in `radii` along each axis."""
    squares = [
        (((np.arange(s.start, s.stop) - c) / r) ** 2).astype(np.float32)
        for s, c, r in zip(box, center, radii, strict=True)
    ]
    total = np.zeros([len(s) for s in squares], np.float32)
    for axis, square in enumerate(squares):
        total += square.reshape([-1 if i == axis else 1 for i in range(len(squares))])
    return np.sqrt(total)
