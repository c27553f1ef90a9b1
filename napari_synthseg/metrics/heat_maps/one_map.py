"""One heat map: its own range, its highest value, and where its positive part lies."""

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
        Between 0 and 1, of any shape.
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


def play_pointing_game(heat: NDArray[np.float64], covered: NDArray[np.bool_]) -> float:
    """Return 1 if the map's highest value lies where an object is, 0 if not.

    Several pixels that share the highest value share the answer: their mean is returned. A
    constant map gets the area share of the objects, which is also what a random pixel gets.
    After Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018.

    Parameters
    ----------
    heat
        Any finite numbers, of any shape.
    covered
        Where pointing is right, same shape.
    """
    return float(covered[heat == heat.max()].mean())


def share_of_energy(heat: NDArray[np.float64], inside: NDArray[np.bool_]) -> float | None:
    """Return the share of the map's positive part that lies within objects.

    A positive constant gets the area share of the objects. After Wang et al., "Score-CAM",
    CVPR workshops 2020, but with objects of any shape.

    Parameters
    ----------
    heat
        Any finite numbers, of any shape. The share does not change with a positive factor, but
        does with an offset: 0 must mean "nothing".
    inside
        Whether a pixel lies in an object, same shape.

    Returns
    -------
    Between 0 and 1; None where the map has no positive part.
    """
    highest = heat.max()
    if highest <= 0.0:
        return None
    positive = np.maximum(heat / highest, 0.0)
    return float(positive[inside].sum() / positive.sum())
