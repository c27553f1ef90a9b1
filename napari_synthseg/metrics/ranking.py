"""Average precision: how far up in a ranking the true things stand.

Two definitions are in use, and they differ. `average_precision` adds up the precision at each
step of recall, without interpolation; it is the one for labels of images and for pixels.
`interpolate_precision` is the one of COCO (Lin et al., "Microsoft COCO", ECCV 2014) for boxes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which COCO reads precision."""


def average_precision(scores: ArrayLike, is_true: ArrayLike) -> float:
    """Return the sum of precision x step of recall, from the highest score down.

    Things of equal score enter together, so that their order does not matter.

    Parameters
    ----------
    scores
        Score of each thing, shape (n,).
    is_true
        Whether it is one of those looked for, shape (n,), bool.

    Returns
    -------
    Between 0 and 1; NaN where nothing is true.
    """
    levels, index = np.unique(np.asarray(scores, np.float64), return_inverse=True)
    truth = np.asarray(is_true, np.float64)
    true = np.bincount(index, weights=truth, minlength=levels.size)
    return average_precision_of_levels(true, np.bincount(index, minlength=levels.size))


def average_precision_of_levels(true: ArrayLike, total: ArrayLike) -> float:
    """Return the average precision of things counted by score, which need not fit into memory.

    Parameters
    ----------
    true, total
        Number of true things, and of all, at each level of the score, the lowest first;
        shape (level,).

    Returns
    -------
    See `average_precision`.
    """
    hits = np.asarray(true, np.float64)[::-1]
    found, seen = np.cumsum(hits), np.cumsum(np.asarray(total, np.float64)[::-1])
    if not found.size or found[-1] == 0.0:
        return float("nan")
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0.0)
    return float(precision @ hits / found[-1])


def interpolate_precision(hits: NDArray[np.bool_], true: int) -> float:
    """Return COCO's average precision: the mean over 101 recalls of the best precision from there.

    Parameters
    ----------
    hits
        Whether each detection is right, the highest score first; shape (detection,).
    true
        Number of true objects.

    Returns
    -------
    Between 0 and 1; NaN where there is no true object.
    """
    if true == 0:
        return float("nan")
    found = np.cumsum(hits)
    recall = found / true
    precision = found / np.arange(1, hits.size + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    position = np.searchsorted(recall, RECALLS, side="left")
    reached = position < hits.size
    return float(best_from_here[position[reached]].sum() / RECALLS.size)
