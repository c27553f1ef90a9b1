"""Where a heat map points: its highest value, and where its positive part lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def play_pointing_game(heat: NDArray[np.float64], covered: NDArray[np.bool_]) -> float:
    """Return 1 if the map's highest value lies where an object is, 0 if not.

    Several pixels that share the highest value share the answer: their mean is returned. A
    constant map gets the area share of the objects, which is also what a random pixel gets.
    After Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018.

    Parameters
    ----------
    heat
        Any finite numbers, shape (y, x).
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
        Any finite numbers, shape (y, x). The share does not change with a positive factor, but
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
