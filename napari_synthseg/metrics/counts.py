"""Matched, missed and false: the counts every ratio is made of, and what a ratio of nothing is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """How many true and predicted things there are (objects or pixels), and how many agree.

    Counts add up: pooling over images is ``sum(counts, Counts())``, and ratios are taken last.

    Every ratio is finite. Where there is neither a true nor a predicted thing, nothing could be
    found better, and all ratios are 1. Where only one side is empty, all ratios are 0.
    """

    true: int = 0
    predicted: int = 0
    matched: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Pool two sets of counts."""
        return Counts(
            self.true + other.true,
            self.predicted + other.predicted,
            self.matched + other.matched,
        )

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
