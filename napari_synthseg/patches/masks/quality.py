"""How good a mask probably is, without any truth.

The figure estimates the mask's overlap (IoU) with the true object as a weighted sum of four signs.
The weights (`MaskMethod.quality_weights`) were fitted once, method by method, on real micrographs
of four kinds and on drawn rings and textures; only images that serve tuning were used (the evidence
page says how well the estimate ranks masks of the others).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.masks.registry import mask_method

Signs = NDArray[np.float64]
"""Agreement, solidity, contrast and size of masks, shape (n, 4); a row of NaN is no mask."""

USUAL_AGREEMENT = 0.85
"""What stands for the agreement where there is no other method to compare with."""

MARGIN_PX = 5
"""Pixels around a mask's box that its contrast is measured in."""


def measure_signs(
    ids: NDArray[np.int32], foreground: FloatImage, others: Sequence[NDArray[np.int32]], count: int
) -> Signs:
    """Measure the signs of the masks of a block.

    Parameters
    ----------
    ids
        Masks of the clicks 1..`count`, shape ([z,] y, x).
    foreground
        Same shape: about 0 in the surroundings, about 1 in objects.
    others
        Masks of the same clicks by other methods.

    Returns
    -------
    agreement
        Mean overlap (IoU) with the masks of the other methods.
    solidity
        Share of the mask's convex hull that it fills.
    contrast
        How much the foreground falls from inside to just outside, 0..1.
    size
        Area (volume) in pixels, to be related to that of others by `estimate_quality`.
    """
    signs = np.full((count, 4), np.nan)
    sizes = np.bincount(ids.ravel(), minlength=count + 1)[1:]
    overlaps = [_overlaps(ids, other, count) for other in others]
    agreement = np.mean(overlaps, axis=0) if overlaps else np.full(count, USUAL_AGREEMENT)
    for number, box in enumerate(ndimage.find_objects(ids, count)):
        if box is None:
            continue
        wide = tuple(slice(max(0, s.start - MARGIN_PX), s.stop + MARGIN_PX) for s in box)
        mask = ids[wide] == number + 1
        contrast = np.clip(edge_contrast(foreground[wide], mask), 0, 1)
        signs[number] = agreement[number], solidity(mask), contrast, sizes[number]
    return signs


def estimate_quality(method: str, signs: Signs) -> NDArray[np.float64]:
    """Return the probable overlap (IoU) of each mask with its object; 0 where there is none.

    The rows of `signs` are masks of one class, so that an odd size shows.
    """
    found = np.isfinite(signs[:, 3])
    if not found.any():
        return np.zeros(len(signs))
    *weights, constant = mask_method(method).quality_weights
    usual = np.median(signs[found, 3])
    odd = np.minimum(np.abs(np.log(np.maximum(signs[:, 3], 1) / usual)), 1.5)
    values = np.column_stack([signs[:, :3], odd]) @ weights + constant
    return np.where(found, np.clip(values, 0, 1), 0.0)


def edge_contrast(foreground: FloatImage, mask: NDArray[np.bool_]) -> float:
    """Return how much foreground falls from inside the mask to just outside it, within planes."""
    # along z the blur of a microscope reaches farther than any rim
    cross = planar_cross(mask.ndim)
    rim = ndimage.binary_dilation(mask, cross, 3) & ~ndimage.binary_dilation(mask, cross)
    inside = float(np.median(foreground[mask]))
    return inside - float(np.median(foreground[rim])) if rim.any() else 0.0


@cache
def planar_cross(ndim: int) -> NDArray[np.bool_]:
    """Return the neighbors of a pixel along y and x, in a read-only array of `ndim` axes."""
    cross: NDArray[np.bool_] = ndimage.generate_binary_structure(2, 1)
    cross = cross.reshape((1,) * (ndim - 2) + cross.shape)
    cross.flags.writeable = False
    return cross


def solidity(mask: NDArray[np.bool_]) -> float:
    """Return the mask's share of its convex hull; of a volume, its planes' shares of theirs.

    In planes a few voxels thick no ball fills its hull, and planes are what weights were fitted on.
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


def _overlaps(one: NDArray[np.int32], other: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Return the IoU of the masks of the same number."""
    first, second = (np.bincount(m.ravel(), minlength=count + 1)[1:] for m in (one, other))
    shared = np.bincount(one[one == other], minlength=count + 1)[1:]
    overlaps: NDArray[np.float64] = shared / np.maximum(first + second - shared, 1)
    return overlaps
