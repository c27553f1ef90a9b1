"""Matched, missed and false: the counts every ratio is made of, and what a ratio of nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Self


class Addable:
    """A dataclass of counts that add up: pooling over images is ``sum(counts, Counts())``."""

    def __add__(self, other: Self) -> Self:
        """Pool two sets of counts."""
        return type(self)(**{name: n + getattr(other, name) for name, n in vars(self).items()})


@dataclass(frozen=True)
class Counts(Addable):
    """How many true and predicted things there are (objects or pixels), and how many agree.

    Ratios are taken last, and every one is finite. Where there is neither a true nor a predicted
    thing, nothing could be found better, and all ratios are 1. Where only one side is empty, all
    ratios are 0.
    """

    true: int = 0
    predicted: int = 0
    matched: int = 0

    @property
    def missed(self) -> int:
        """Number of true things that nothing predicted matches (false negatives)."""
        return self.true - self.matched

    @property
    def false(self) -> int:
        """Number of predicted things that match nothing true (false positives)."""
        return self.predicted - self.matched

    @property
    def empty(self) -> bool:
        """Whether there is nothing on either side."""
        return self.true == 0 and self.predicted == 0

    @property
    def precision(self) -> float:
        """Share of the predicted things that are true."""
        return self._ratio(self.matched, self.predicted)

    @property
    def recall(self) -> float:
        """Share of the true things that were predicted."""
        return self._ratio(self.matched, self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; for pixels this is the Dice coefficient."""
        return self._ratio(2 * self.matched, self.true + self.predicted)

    @property
    def matching_ap(self) -> float:
        """TP / (TP + FP + FN), which this field calls average precision; no ranking is in it."""
        return self._ratio(self.matched, self.true + self.predicted - self.matched)

    @property
    def iou(self) -> float:
        """Pixels that agree, of those that either side has: TP / (TP + FP + FN), Jaccard."""
        return self.matching_ap

    def ratios(self) -> dict[str, float]:
        """Return F1, precision and recall by name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}

    def numbers(self) -> dict[str, float]:
        """Return how many were found, missed, and false, by name."""
        return {"found": self.matched, "missed": self.missed, "false": self.false}

    def _ratio(self, part: int, whole: int) -> float:
        if self.empty:
            return 1.0
        return part / whole if whole else 0.0


def mean_by_name(figures: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of the figures of each name, over those that have it."""
    by_name: dict[str, list[float]] = {}
    for each in figures:
        for name, value in each.items():
            by_name.setdefault(name, []).append(value)
    return {name: fmean(values) for name, values in by_name.items()}
