"""How much objects stand out at their outlines, by brightness or by roughness."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_synthseg.core.geometry import Region, intersect, region_slices
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.progress import Progress
from napari_synthseg.patches.quality.outline_shape import planar_cross
from napari_synthseg.patches.window import placed_bounds

BAND_PX = 3
"""Width of the bands on either side of the outline that are compared, within planes."""

MIN_FREE_SHARE = 0.1
"""With less of the outer band free of other objects nothing is measured."""


PORTION_PX = 400_000
"""Pixels of patches that are measured between two signs of progress, about."""

PATCH_PX = 3000
"""Pixels that a patch counts as, however small it is."""


def measure_contrasts(patches: Sequence[Patch]) -> Generator[Progress, None, NDArray[np.float64]]:
    """Return how far the pixels inside each outline differ from those outside.

    In units of the spread outside: of the mean and of the spread itself, in the channel in which
    they differ most. NaN where other objects lie all round, or the image ends. Yields several
    times a second.

    Parameters
    ----------
    patches
        Of one image, all with masks.
    """
    windows = [patch.window for patch in patches]
    objects = [placed_bounds(p.mask, p.origin) for p in patches]
    values, done = np.full(len(patches), np.nan), 0
    for number, near in enumerate(_overlapping(windows, objects)):
        patch, window = patches[number], windows[number]
        if patch.touches_border:
            continue
        others = np.zeros_like(patch.mask)
        for other in near:
            common = intersect(window, objects[other])
            if other != number and common is not None:
                there = region_slices(common, patches[other].origin)
                others[region_slices(common, patch.origin)] |= patches[other].mask[there]
        values[number] = _contrast(patch, others & ~patch.mask)
        done += PATCH_PX + patch.mask.size
        if done > PORTION_PX:
            done = 0
            yield Progress(number / len(patches))
    return values


def _overlapping(windows: Sequence[Region], boxes: Sequence[Region]) -> Iterator[list[int]]:
    """Yield for each window the numbers of the boxes that may overlap with it.

    Boxes of about one size are looked up together, so that a large one makes none of the others
    seem near.
    """
    areas, places = np.array(windows, float), np.array(boxes, float)
    middles, halves = places.mean(axis=2), np.ptp(places, axis=2).max(axis=1) / 2
    levels = np.ceil(np.log2(halves))
    groups = [np.flatnonzero(levels == level) for level in np.unique(levels)]
    trees = [(cKDTree(middles[g]), g, float(halves[g].max())) for g in groups]
    for middle, half in zip(areas.mean(axis=2), np.ptp(areas, axis=2).max(axis=1) / 2, strict=True):
        near: list[int] = []
        for tree, group, reach in trees:
            near += group[tree.query_ball_point(middle, half + reach, p=np.inf)].tolist()
        yield near


def _contrast(patch: Patch, others: NDArray[np.bool_]) -> float:
    cross = planar_cross(patch.mask.ndim)
    inside = patch.mask & ~ndimage.binary_erosion(patch.mask, cross, BAND_PX)
    near = ndimage.binary_dilation(patch.mask, cross)
    outside = ndimage.binary_dilation(near, cross, BAND_PX) & ~near
    free = outside & ~ndimage.binary_dilation(others, cross)
    if np.count_nonzero(free) <= MIN_FREE_SHARE * np.count_nonzero(outside):
        return np.nan
    within, beyond = patch.pixels[:, inside], patch.pixels[:, free]
    spread = np.maximum(beyond.std(axis=1), 1e-3)
    shift = np.abs(within.mean(axis=1) - beyond.mean(axis=1)) / spread
    roughness = np.abs(within.std(axis=1) - beyond.std(axis=1)) / spread
    return float(np.hypot(shift, roughness).max())
