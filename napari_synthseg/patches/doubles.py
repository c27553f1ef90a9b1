"""Masks that probably hold two objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.masks.quality import solidity

WEIGHTS, CONSTANT = (4.0, 17.0, 12.0), -1.85
"""What the logarithm of the relative size, the missing solidity and the neck count for. Fitted on
real images that serve tuning, against pairs of touching objects in one mask."""

FLOOR, DENT, NECK = 1.0, 0.03, 0.02
"""A mask that is no larger than usual, or has neither dent nor neck, is one object."""

DEPTHS = np.arange(0.2, 0.96, 0.05)
"""Depths that a mask is cut at to see whether it falls apart, as shares of its greatest."""

SAMPLE = 200
"""Masks that the usual solidity is taken from, at most."""


def usual_solidity(patches: list[Patch]) -> float:
    """Return the median share of its convex hull that a mask of these fills."""
    some = patches[:: max(1, len(patches) // SAMPLE)]
    return float(np.median([solidity(p.mask) for p in some]))


def doubleness(patch: Patch, size: float, usual: float) -> float:
    """Return a score that is the higher the more a mask looks like that of two objects.

    Parameters
    ----------
    patch
        Has a mask.
    size
        Size of its mask, as a multiple of the usual one.
    usual
        The usual solidity, see `usual_solidity`.

    Returns
    -------
    About 0 and below for one object; minus infinity where nothing speaks for two.
    """
    if size <= FLOOR:
        return -np.inf
    missing = usual - solidity(patch.mask)
    neck = neck_depth(patch.mask)
    if missing < DENT and neck < NECK:
        return -np.inf
    # of a mask many times too large the size says nothing more
    signs = min(float(np.log(size)), 1.2), missing, neck
    return float(np.dot(WEIGHTS, signs) + CONSTANT)


def neck_depth(mask: NDArray[np.bool_]) -> float:
    """Return how far the way between the two thickest places gets narrower than the lesser of them.

    As a share of the greatest thickness: 0 for one blob, towards 1 for two that hardly touch.
    """
    box = ndimage.find_objects(mask.astype(np.int8))[0]
    depth = ndimage.distance_transform_edt(np.pad(mask[box], 1))
    depth = ndimage.gaussian_filter(depth, 0.7) * (depth > 0)
    depth /= depth.max()
    deepest = 0.0
    for level in DEPTHS:
        pieces, count = ndimage.label(depth > level)
        if count > 1:
            tops = np.sort(ndimage.maximum(depth, pieces, np.arange(1, count + 1)))
            deepest = max(deepest, float(tops[-2] - level))
    return deepest
