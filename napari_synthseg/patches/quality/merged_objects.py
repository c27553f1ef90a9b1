"""Masks that probably hold two objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.quality.outline_shape import solidity
from napari_synthseg.patches.quality.stacks import stack_patches

WEIGHTS, CONSTANT = (4.0, 17.0, 12.0), -1.85
"""What the logarithm of the relative size, the missing solidity and the neck count for. Fitted on
real images that serve tuning, against pairs of touching objects in one mask."""

MIN_SIZE, MIN_DENT, MIN_NECK = 1.15, 0.03, 0.02
"""A mask that is hardly larger than usual, or has neither dent nor neck, is one object. Size as a
multiple of the usual one, missing solidity, the neck's narrowing as a share of the thickness."""

DEPTHS = np.arange(0.2, 0.96, 0.05)
"""Depths that a mask is cut at to see whether it falls apart, as shares of its greatest."""

MAX_SAMPLE = 100
"""Masks that the usual solidity is taken from, at most."""


def usual_solidity(patches: Sequence[Patch]) -> float:
    """Return the median solidity of the masks of a class, or of a sample of them."""
    some = patches[:: max(1, len(patches) // MAX_SAMPLE)]
    return float(np.median([solidity(p.mask) for p in some])) if some else 1.0


def score_merged_objects(
    patches: Sequence[Patch], sizes: NDArray[np.float64], usual: float
) -> NDArray[np.float64]:
    """Return a score for each mask that is the higher the more it looks like two objects.

    Parameters
    ----------
    patches
        Of one class, all with masks.
    sizes
        Size of each mask, as a multiple of the usual one on its image.
    usual
        Usual solidity of the class's masks.

    Returns
    -------
    About 0 and below for one object; minus infinity where nothing speaks for two.
    """
    large = np.flatnonzero(sizes > MIN_SIZE).tolist()
    necks = measure_necks([patches[n] for n in large])
    scores = np.full(len(patches), -np.inf)
    for number, neck in zip(large, necks, strict=True):
        missing = usual - solidity(patches[number].mask)
        if missing > MIN_DENT or neck > MIN_NECK:
            # of a mask many times too large the size says nothing more
            signs = min(float(np.log(sizes[number])), 1.2), missing, neck
            scores[number] = np.dot(WEIGHTS, signs) + CONSTANT
    return scores


def measure_necks(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """Return how far the way between a mask's two thickest places narrows below the lesser one.

    As a share of the greatest thickness: 0 for one blob, towards 1 for two that hardly touch.
    """
    necks = np.zeros(len(patches))
    for stack in stack_patches(patches, 1):
        apart = (1e6,) + (1.0,) * (stack.masks.ndim - 1)  # windows do not see each other
        depth = ndimage.distance_transform_edt(stack.masks, sampling=apart)
        smooth = (0.0,) + (0.7,) * (stack.masks.ndim - 1)
        depth = ndimage.gaussian_filter(depth, smooth) * stack.masks
        depth /= depth.max(axis=tuple(range(1, depth.ndim)), keepdims=True)
        within = ndimage.generate_binary_structure(stack.masks.ndim, 1)
        within[0] = within[2] = False
        for level in DEPTHS:
            second = _second_tops(depth, depth > level, within)
            necks[stack.numbers] = np.maximum(necks[stack.numbers], second - level)
    return necks


def _second_tops(
    depth: NDArray[np.float64], deep: NDArray[np.bool_], within: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the depth of the second deepest piece in each window, 0 where there is but one."""
    pieces, count = ndimage.label(deep, within)
    where = np.nonzero(pieces)
    owner, top = np.zeros(count + 1, np.int64), np.zeros(count + 1)
    owner[pieces[where]] = where[0]
    np.maximum.at(top, pieces[where], depth[where])
    best, second = np.zeros(len(depth)), np.zeros(len(depth))
    for window, height in zip(owner[1:], top[1:], strict=True):
        if height > best[window]:
            best[window], height = height, best[window]
        second[window] = max(second[window], height)
    return second
