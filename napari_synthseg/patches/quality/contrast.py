"""How much objects stand out at their outlines, by brightness or by roughness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.quality.outline_shape import planar_cross
from napari_synthseg.patches.window import cut_mask

BAND_PX = 3
"""Width of the bands on either side of the outline that are compared, within planes."""

MIN_FREE_SHARE = 0.1
"""With less of the outer band free of other objects nothing is measured."""


def measure_contrasts(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """Return how far the pixels inside each outline differ from those outside.

    In units of the spread outside: of the mean and of the spread itself, in the channel in which
    they differ most. NaN where other objects lie all round, or the image ends.

    Parameters
    ----------
    patches
        Of one image, all with masks.
    """
    middles = np.array([np.add(p.origin, np.divide(p.mask.shape, 2)) for p in patches])
    reach = max(float(np.linalg.norm(p.mask.shape)) for p in patches)
    tree = cKDTree(middles)
    values = np.full(len(patches), np.nan)
    for number, patch in enumerate(patches):
        if patch.touches_border:
            continue
        window = tuple((o, o + n) for o, n in zip(patch.origin, patch.mask.shape, strict=True))
        others = np.zeros_like(patch.mask)
        for near in tree.query_ball_point(middles[number], reach):
            if near != number:
                others |= cut_mask(patches[near].mask, patches[near].origin, window)
        values[number] = _contrast(patch, others & ~patch.mask)
    return values


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
