"""The mask of the object under each click, for all clicks of a block at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage


@dataclass(frozen=True, eq=False)
class Seeds:
    """Clicks inside one block.

    `positions` (n, ndim) in block pixels, order ([z,] y, x); `radii` (n, ndim) half a class
    diameter along each axis, pixels.
    """

    positions: NDArray[np.float64]
    radii: NDArray[np.float64]


def find_masks(likeness: FloatImage, seeds: Seeds, level: float) -> NDArray[np.int32]:
    """Return the object of each click: ids 1..n in the clicks' order, 0 where there is none.

    Parameters
    ----------
    likeness
        Shape ([z,] y, x): about 0 in the surroundings, about 1 in the objects.
    seeds
        The clicks.
    level
        Where an object ends, as a share of the way from its own surroundings to its own core.
    """
    basins = _basins(likeness, seeds)
    found = np.zeros(likeness.shape, np.int32)
    for number, box in enumerate(ndimage.find_objects(basins, len(seeds.positions)), start=1):
        if box is None:
            continue
        mine = basins[box] == number
        start = np.array([s.start for s in box])
        position = seeds.positions[number - 1] - start
        mask = _object_in(likeness[box], mine, position, seeds.radii[number - 1], level)
        found[box][mask] = number
    return found


def _basins(likeness: FloatImage, seeds: Seeds) -> NDArray[np.int32]:
    """Give each pixel near a click to one click."""
    from skimage.segmentation import watershed

    markers = np.zeros(likeness.shape, np.int32)
    away = np.full(likeness.shape, np.inf, np.float32)
    for number, (position, radius) in enumerate(
        zip(seeds.positions, seeds.radii, strict=True), start=1
    ):
        box = tuple(
            slice(max(0, int(p - 2 * r)), min(n, int(p + 2 * r) + 2))
            for p, r, n in zip(position, radius, likeness.shape, strict=True)
        )
        grid = np.ogrid[box]
        distance = sum(((g - p) / r) ** 2 for g, p, r in zip(grid, position, radius, strict=True))
        distance = np.sqrt(distance).astype(np.float32)
        closest = distance < away[box]
        markers[box][closest & (distance < 0.3)] = number
        away[box] = np.minimum(away[box], distance)
        center = tuple(
            int(np.clip(round(p), 0, n - 1)) for p, n in zip(position, likeness.shape, strict=True)
        )
        if markers[center] == 0:
            markers[center] = number
    elevation = 0.5 * np.minimum(away, 2.0) - np.clip(likeness, -0.5, 1.5)
    basins: NDArray[np.int32] = watershed(elevation, markers, mask=away < 2.0)
    return basins


def _object_in(
    likeness: FloatImage,
    mine: NDArray[np.bool_],
    position: NDArray[np.float64],
    radius: NDArray[np.float64],
    level: float,
) -> NDArray[np.bool_]:
    """Return the part of a basin that is the object under the click."""
    grid = np.ogrid[tuple(slice(0, n) for n in mine.shape)]
    distance = np.sqrt(
        sum(((g - p) / r) ** 2 for g, p, r in zip(grid, position, radius, strict=True))
    )
    core = mine & (distance < 0.5)
    if not core.any():
        return np.zeros_like(mine)
    top = float(np.median(likeness[core]))
    values = likeness[mine]
    floor = float(np.percentile(values, 10))
    mask = mine & (likeness > floor + level * (top - floor))
    parts, _ = ndimage.label(mask)
    hit = np.bincount(parts[core], minlength=2)
    hit[0] = 0
    if not hit.any():
        return np.zeros_like(mine)
    kept: NDArray[np.bool_] = ndimage.binary_fill_holes(parts == int(hit.argmax()))
    return kept & mine
