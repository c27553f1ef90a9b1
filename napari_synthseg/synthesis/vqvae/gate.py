"""The gate: what a generated pair must be like before it is used, and why one is turned away.

All of it is ours. Its thresholds come from real images that nothing was learned from (the held-out
part): how well a segmenter agrees with their masks, how near they come to the training images, and
how much of each class they show. What is scored on later is never looked at.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.annotations import Frozen
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.synthesis.vqvae.novelty import (
    MIN_WINDOW_CELLS,
    REDUCTION_PX,
    ChannelScale,
    ReferenceIndex,
    nearest,
    windows_of,
)
from napari_synthseg.synthesis.vqvae.segmenter import agreement, predict
from napari_synthseg.synthesis.vqvae.views import ClassMask, MaskedView, even_crops, spread_evenly

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

MAX_MEASURED, WINDOWS_AT_ONCE = 64, 4
"""Crops and windows that are measured at most, and windows that are compared at once."""

AMOUNT_TOLERANCE = 0.5
"""How far beyond the range of real crops shares and edges may go, as a share of what is left."""


class GateCalibration(Frozen):
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


@dataclass(frozen=True)
class GateVerdict:
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
    scale: ChannelScale
    seen: ReferenceIndex | None
    calibration: GateCalibration
    least: float
    nearest: float

    def judge(self, view: MaskedView, others: Sequence[MaskedView]) -> GateVerdict:
        """Judge a pair; `others` are those of the same batch that were accepted before."""
        found = agreement(predict(self.net, view.image, self.device), view.mask, self.classes)
        if trouble := self._strange_mask(view.mask):
            return GateVerdict("mask", trouble, found - 2)
        if found < self.least:
            return GateVerdict("agreement", f"{found:.2f}, asked for: {self.least:.2f}", found - 1)
        if self.seen is not None:
            features = self.scale.features(view)
            earlier = [self.scale.features(other) for other in others]
            references: tuple[tuple[Reason, ReferenceIndex, int], ...] = (
                ("copy", self.seen, 2),
                ("alike", ReferenceIndex(earlier, self.seen.edge), 1),
            )
            for reason, known, penalty in references:
                if (distance := nearest(features, known)) < self.nearest:
                    detail = f"distance {distance:.2f}, asked for: {self.nearest:.2f}"
                    return GateVerdict(reason, detail, found - penalty)
        return GateVerdict(None, "", found)

    @property
    def classes(self) -> int:
        """Number of classes with the background."""
        return self.scale.classes

    def _strange_mask(self, mask: ClassMask) -> str:
        """Return what is wrong with the amounts in a mask, or ''."""
        amounts = mask_amounts(mask, self.classes)
        for number, amount in enumerate(amounts):
            low, high = self.calibration.lowest[number], self.calibration.highest[number]
            most = high + AMOUNT_TOLERANCE * (1 - high) * min(1.0, 2 * high)
            if low * (1 - AMOUNT_TOLERANCE) <= amount <= most:
                continue
            words = {0: "background", self.classes: "edges"}
            what = words.get(number, f"of class {number}")
            return f"{amount:.1%} {what}, real crops have {low:.1%} to {high:.1%}"
        return ""


def mask_amounts(mask: ClassMask, classes: int) -> list[float]:
    """Return the share of each class among known pixels, then that of pixels at an edge."""
    known = max(int((mask >= 0).sum()), 1)
    shares = [float((mask == number).sum() / known) for number in range(classes)]
    edges = float(np.mean(mask[:, 1:] != mask[:, :-1]) + np.mean(mask[1:] != mask[:-1])) / 2
    return [*shares, edges]


def calibrate_gate(
    net: nn.Module,
    device: torch.device,
    scale: ChannelScale,
    train: Sequence[MaskedView],
    held: Sequence[MaskedView],
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
    crops = even_crops(held or train, size, MAX_MEASURED)
    agreements = []
    for number, view in enumerate(crops):
        yield Progress(number / len(crops) / 2, f"crop {number + 1} of {len(crops)}")
        agreements.append(agreement(predict(net, view.image, device), view.mask, scale.classes))
    real = even_crops([*train, *held], size, MAX_MEASURED)
    amounts = np.array([mask_amounts(view.mask, scale.classes) for view in real])
    window = min(edge, size, *(min(v.shape) for v in [*train, *held])) // REDUCTION_PX
    distances: list[float] = []
    if window >= MIN_WINDOW_CELLS:
        distances = yield from subprogress(_distances(scale, train, held, window), 0.5)
    return GateCalibration(
        agreements=sorted(agreements),
        distances=sorted(distances),
        lowest=amounts.min(axis=0).tolist(),
        highest=amounts.max(axis=0).tolist(),
        window=window,
    )


def _distances(
    scale: ChannelScale, train: Sequence[MaskedView], held: Sequence[MaskedView], window: int
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
        chosen = spread_evenly(pieces, count)
        for start in range(0, len(chosen), WINDOWS_AT_ONCE):
            yield Progress(number / len(compared), f"comparing window {start + 1} of {len(chosen)}")
            found += seen.distances(chosen[start : start + WINDOWS_AT_ONCE]).tolist()
    return found


def make_gate(
    net: nn.Module,
    device: torch.device,
    scale: ChannelScale,
    train: Sequence[MaskedView],
    calibration: GateCalibration,
    agreement_factor: float,
    distance_factor: float,
) -> Gate:
    """Return the gate whose thresholds are multiples of what was measured; 0 accepts all."""
    least = float(np.quantile(calibration.agreements or 0.0, MAX_REJECTED_SHARE))
    near = calibration.distances[0] * distance_factor if calibration.distances else 0.0
    seen = None
    if near > 0:
        known = scale.fine_features(train, calibration.window)
        seen = ReferenceIndex(known, calibration.window)
    return Gate(net, device, scale, seen, calibration, min(least * agreement_factor, 1.0), near)
