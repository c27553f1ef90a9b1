"""The gate: what a generated pair must be like before it is used, and why one is turned away.

All of it is ours. Its thresholds come from real images that nothing was learned from (the held-out
part): how well a segmenter agrees with their masks, how near they come to the training images, and
how much of each class they show. What is scored on later is never looked at.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.synthesis.vqvae.novelty import (
    REDUCED,
    SMALLEST,
    ReferenceIndex,
    Scale,
    nearest,
    windows_of,
)
from napari_synthseg.synthesis.vqvae.segmenter import agreement, predict
from napari_synthseg.synthesis.vqvae.views import Marks, View, even_crops

Reason = Literal["mask", "agreement", "copy", "alike"]

REASONS: Mapping[str, str] = {
    "mask": "the mask shows more or less of a class, or more edges, than real ones",
    "agreement": "image and mask do not agree",
    "copy": "it is nearly a copy of a training image",
    "alike": "it is nearly the same as another dual image",
}
"""What each reason means, in words for the user."""

MAX_REJECTED_SHARE = 0.1
"""Share of real held-out crops that may agree less than is asked for."""

MAX_MEASURED, AT_ONCE = 64, 4
"""Crops and windows that are measured at most, and windows that are compared at once."""

AMOUNT_TOLERANCE = 0.5
"""How far beyond the range of real crops shares and edges may go, as a share of what is left."""


@dataclass(frozen=True)
class GateCalibration:
    """What was measured on real images; kept with what was learned.

    Attributes
    ----------
    agreements
        Of held-out crops, in ascending order.
    distances
        Of held-out windows to the nearest training image, in ascending order; empty: there was
        nothing to measure it on.
    lowest, highest
        Share of each class, then share of pixels at an edge of the mask, over real crops.
    window
        Edge of the windows for distances, reduced pixels.
    """

    agreements: tuple[float, ...]
    distances: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    window: int

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GateCalibration:
        """Rebuild what `as_json` gave."""
        known: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**known)


@dataclass(frozen=True)
class Verdict:
    """What the gate found: `reason` is None where a pair passes; `score` ranks those that fail."""

    reason: Reason | None
    detail: str
    score: float


@dataclass(frozen=True, eq=False)
class Gate:
    """Judges generated pairs.

    Attributes
    ----------
    net
        The segmenter, in evaluation mode on `device`.
    seen
        The training images, for distances; None: there is nothing to compare with.
    least, nearest
        The thresholds of agreement and distance.
    """

    net: nn.Module
    device: torch.device
    scale: Scale
    seen: ReferenceIndex | None
    calibration: GateCalibration
    least: float
    nearest: float

    def judge(self, view: View, others: Sequence[View]) -> Verdict:
        """Judge a pair; `others` are those of the same batch that were accepted before."""
        found = agreement(predict(self.net, view.image, self.device), view.marks, self.classes)
        if trouble := self._strange_mask(view.marks):
            return Verdict("mask", trouble, found - 2)
        if found < self.least:
            return Verdict("agreement", f"{found:.2f}, asked for: {self.least:.2f}", found - 1)
        if self.seen is not None and self.nearest > 0:
            features = self.scale.features(view)
            distance = nearest(features, self.seen)
            if distance < self.nearest:
                detail = f"distance {distance:.2f}, asked for: {self.nearest:.2f}"
                return Verdict("copy", detail, found - 2)
            if others:
                known = ReferenceIndex(
                    [self.scale.features(other) for other in others], self.seen.edge
                )
                distance = nearest(features, known)
                if distance < self.nearest:
                    detail = f"distance {distance:.2f}, asked for: {self.nearest:.2f}"
                    return Verdict("alike", detail, found - 1)
        return Verdict(None, "", found)

    @property
    def classes(self) -> int:
        """Number of classes with the background."""
        return self.scale.classes

    def _strange_mask(self, marks: Marks) -> str:
        """Return what is wrong with the amounts in a mask, or ''."""
        amounts = mask_amounts(marks, self.classes)
        for number, amount in enumerate(amounts):
            low, high = self.calibration.lowest[number], self.calibration.highest[number]
            if (
                low * (1 - AMOUNT_TOLERANCE)
                <= amount
                <= high + AMOUNT_TOLERANCE * (1 - high) * min(1.0, 2 * high)
            ):
                continue
            what = "edges" if number == self.classes else f"class number {number}"
            return f"{amount:.1%} {what}, real crops have {low:.1%} to {high:.1%}"
        return ""


def mask_amounts(marks: Marks, classes: int) -> list[float]:
    """Return the share of each class among known pixels, then that of pixels at an edge."""
    known = max(int((marks >= 0).sum()), 1)
    shares = [float((marks == number).sum() / known) for number in range(classes)]
    edges = float(np.mean(marks[:, 1:] != marks[:, :-1]) + np.mean(marks[1:] != marks[:-1])) / 2
    return [*shares, edges]


def calibrate_gate(
    net: nn.Module,
    device: torch.device,
    scale: Scale,
    train: Sequence[View],
    held: Sequence[View],
    size: int,
    edge: int,
) -> Generator[Progress, None, GateCalibration]:
    """Measure what thresholds are made of; yield at each crop.

    Without a held-out part, agreement is measured on the training images, and distances are those
    between different training images.

    Parameters
    ----------
    size
        Edge of a dual image, pixels: real crops are as large, where images are.
    edge
        Edge of a training crop, pixels: windows for distances are as large, where images are.
    """
    crops = even_crops(held or train, size, size, MAX_MEASURED)
    agreements = []
    for number, view in enumerate(crops):
        yield Progress(number / len(crops) / 2, f"crop {number + 1} of {len(crops)}")
        agreements.append(agreement(predict(net, view.image, device), view.marks, scale.classes))
    real = even_crops([*train, *held], size, size, MAX_MEASURED)
    amounts = np.array([mask_amounts(view.marks, scale.classes) for view in real])
    window = min(edge, size, *(min(v.shape) for v in [*train, *held])) // REDUCED
    distances: list[float] = []
    if window >= SMALLEST:
        distances = yield from subprogress(_distances(scale, train, held, window), 0.5)
    return GateCalibration(
        tuple(sorted(agreements)),
        tuple(sorted(distances)),
        tuple(amounts.min(axis=0).tolist()),
        tuple(amounts.max(axis=0).tolist()),
        window,
    )


def _distances(
    scale: Scale, train: Sequence[View], held: Sequence[View], window: int
) -> Generator[Progress, None, list[float]]:
    """Return the distances of real windows to the nearest piece of other training images."""
    if held:
        compared = [(train, held, MAX_MEASURED)]
    else:
        each = MAX_MEASURED // len(train) + 1
        others = [(*train[:i], *train[i + 1 :]) for i in range(len(train))]
        compared = [(o, (v,), each) for o, v in zip(others, train, strict=True) if o]
    found: list[float] = []
    for number, (known, views, count) in enumerate(compared):
        yield Progress(number / len(compared), "comparing windows")
        seen = ReferenceIndex(scale.fine_features(known, window), window)
        pieces = [w for view in views for w in windows_of(scale.features(view), window)]
        chosen = _some(pieces, count)
        for start in range(0, len(chosen), AT_ONCE):
            yield Progress(number / len(compared), f"comparing window {start + 1} of {len(chosen)}")
            found += seen.distances(chosen[start : start + AT_ONCE]).tolist()
    return found


def _some(pieces: list[FloatImage], count: int) -> list[FloatImage]:
    if len(pieces) <= count:
        return pieces
    return [pieces[round(i)] for i in np.linspace(0, len(pieces) - 1, count)]


def thresholds(
    calibration: GateCalibration, agreement_factor: float, distance_factor: float
) -> tuple[float, float]:
    """Return the least agreement and the least distance that are asked for."""
    least = (
        float(np.quantile(calibration.agreements, MAX_REJECTED_SHARE))
        if calibration.agreements
        else 0.0
    )
    near = calibration.distances[0] if calibration.distances else 0.0
    return min(least * agreement_factor, 1.0), near * distance_factor
