"""How fast networks learn as time goes by, and how far the average of their weights looks back."""

from __future__ import annotations

import math

WARM_UP = 0.05
"""Share of the limit in which the learning rate rises."""


def rate_factor(fraction: float) -> float:
    """Return the learning rate's factor: a short rise, then half a cosine to nearly zero.

    Parameters
    ----------
    fraction
        Share of the limit that is used up, 0..1.
    """
    if fraction < WARM_UP:
        return 0.1 + 0.9 * fraction / WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (fraction - WARM_UP) / (1 - WARM_UP)) + 1e-3


def average_decay(step: int, most: float) -> float:
    """Return what the running average keeps of itself at a step: little at first, then `most`."""
    return min(most, step / (step + 10))
