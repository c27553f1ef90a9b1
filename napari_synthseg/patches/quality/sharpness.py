"""How sharp the objects of patches are, from their outlines alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.quality.outline_shape import planar_cross
from napari_synthseg.patches.quality.stacks import PatchStack, stack_patches

FINE_SIGMA_PX, COARSE_SIGMA_PX = 1.0, 3.0
"""Scales that slopes are compared at. Blur takes the fine ones away first."""

RIM_PX = 3
"""Width of the band on either side of the outline that is looked at."""

TRUNCATE_SIGMAS = 3.0
"""Where the Gaussians that slopes are measured with are cut off."""


def measure_sharpness(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """Return how much steeper each outline is at a fine scale than at a coarse one.

    Contrast and brightness cancel out, so that dim and bright objects compare, and so do channels.
    In volumes only slopes within the planes count. On real images with blur made on purpose this
    told blurred objects better than the slope of the outline or fine detail as a share of contrast.

    Returns
    -------
    One value a patch, 0 where it has no object; the unit is arbitrary.
    """
    values = np.zeros(len(patches))
    for stack in stack_patches(patches, RIM_PX + round(TRUNCATE_SIGMAS * COARSE_SIGMA_PX)):
        bands = _bands(stack.masks)
        fine, coarse = (
            _steepest(stack, bands, sigma) for sigma in (FINE_SIGMA_PX, COARSE_SIGMA_PX)
        )
        values[stack.numbers] = np.sqrt(fine / np.maximum(coarse, 1e-12))
    return values


def _bands(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the bands along the outlines, each window and each plane on its own."""
    cross = planar_cross(masks.ndim)
    wide = ndimage.binary_dilation(masks, cross, iterations=RIM_PX)
    bands: NDArray[np.bool_] = wide & ~ndimage.binary_erosion(masks, cross, iterations=RIM_PX)
    return bands


def _steepest(stack: PatchStack, bands: NDArray[np.bool_], sigma: float) -> NDArray[np.float64]:
    """Return the mean square of the steepest third of the slopes in each band, over channels."""
    scales = (0.0,) * (stack.pixels.ndim - 2) + (sigma, sigma)
    squares = np.zeros_like(stack.pixels)
    for axis in (-2, -1):
        order = [0] * stack.pixels.ndim
        order[axis] = 1
        squares += (
            ndimage.gaussian_filter(stack.pixels, scales, tuple(order), truncate=TRUNCATE_SIGMAS)
            ** 2
        )
    totals = np.zeros(len(squares))
    for place, (square, band) in enumerate(zip(squares, bands, strict=True)):
        inside = square[:, band]
        top = max(1, inside.shape[1] // 3)
        totals[place] = np.partition(inside, -top, axis=1)[:, -top:].mean(axis=1).sum()
    return totals
