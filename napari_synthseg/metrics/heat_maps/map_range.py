"""A heat map's own range: what is left of its numbers when offset and scale mean nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.errors import InputError

LEVELS = 2**16
"""Steps of a map's range that are told apart where pixels of many images are pooled."""


def read_map(values: ArrayLike) -> NDArray[np.float64]:
    """Return a heat map as float64, shape (y, x).

    Raises
    ------
    InputError
        If it has other axes, no pixel, or numbers that are not finite.
    """
    heat = np.asarray(values)
    if heat.ndim != 2 or not heat.size:
        raise InputError(f"the heat map has the shape {heat.shape} instead of (y, x).")
    if heat.dtype.kind not in "fiub" or not np.isfinite(heat).all():
        raise InputError("the heat map holds values that are no finite numbers.")
    return heat.astype(np.float64)


def stretch(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the map with its lowest value at 0 and its highest at 1; a constant map is all 0."""
    low, high = heat.min(), heat.max()
    return (heat - low) / (high - low) if high > low else np.zeros_like(heat)


def count_levels(stretched: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count pixels by level of a stretched map, so that any number of them can be pooled.

    Parameters
    ----------
    stretched
        Between 0 and 1, shape (y, x).
    inside
        Whether a pixel lies in an object, same shape.

    Returns
    -------
    Pixels within objects, and all pixels, at each level; shape (2, LEVELS), the lowest first.
    """
    level = np.rint(stretched * (LEVELS - 1)).astype(np.intp)
    return np.stack(
        [
            np.bincount(level[inside], minlength=LEVELS),
            np.bincount(level.ravel(), minlength=LEVELS),
        ]
    )
