"""The points of loss curves, and what the curves are called."""

from __future__ import annotations

from typing import NamedTuple

TRAINING, HELD = "training", "held out"
"""Names of the curves; where crops of several origins are learned from, these have their own."""


class CurvePoint(NamedTuple):
    """A point of a curve: step, loss, whether its weights were the best so far, and which curve."""

    step: int
    loss: float
    is_best: bool = False
    curve: str = TRAINING
