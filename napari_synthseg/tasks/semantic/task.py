"""The torch side of classifying pixels."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, regions_of
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import Progress, in_turn
from napari_synthseg.metrics.areas import BACKGROUND
from napari_synthseg.metrics.confusion import ClassSet, count_classes, count_pixels
from napari_synthseg.networks.warm_start import like_classes
from napari_synthseg.tasks.semantic import SemanticRule
from napari_synthseg.tasks.semantic.loss import region_loss
from napari_synthseg.tasks.semantic.prediction import class_values_of, find_regions
from napari_synthseg.tasks.task import Task
from napari_synthseg.training.augmentation import Crop
from napari_synthseg.training.targets import class_indices
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import VALIDATION_BLOCK_PX, block_shape

SAMPLED_CROPS = 16
"""Crops whose pixels are counted to weigh the classes."""

MAX_WEIGHT_RATIO = 20.0
"""Largest ratio of the weights of two classes."""


class SemanticTask(Task):
    """Semantic segmentation: a softmax over background and classes."""

    rule: SemanticRule
    predict = staticmethod(find_regions)

    @staticmethod
    def activate(output: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class."""
        return torch.softmax(output, dim=1)

    def prepare(self) -> Generator[Progress, None, DualImage]:
        """Fit network, crops, rule and weights of the classes to the first pairs."""
        data = self.data
        if BACKGROUND in data.class_names.values():
            raise InputError(
                f"A class is named '{BACKGROUND}', which is what pixels of no class are called: "
                "rename it, or delete it if it is meant for those."
            )
        first = yield from super().prepare()
        self.out_channels = len(data.class_values) + 1
        self.rule = SemanticRule(
            class_values=data.class_values, diameter=data.diameter, spacing=data.spacing
        )
        classes = (yield from self.draw_targets(SAMPLED_CROPS)).numpy()
        known = classes[classes != UNKNOWN]
        counts = np.bincount(known, minlength=self.out_channels).astype(float)
        self.class_weights = weigh_classes(counts, self.spec.class_balance)
        self.notes = tuple(self._missing(counts))
        return first

    def _missing(self, counts: NDArray[np.float64]) -> Iterator[str]:
        for value, count in zip(self.data.class_values, counts[1:], strict=True):
            if not count:
                name = self.data.class_names[value]
                yield f"'{name}' is on none of the first {SAMPLED_CROPS} crops"

    def outputs_like(self, class_values: tuple[int, ...]) -> tuple[int, ...]:
        """Let classes begin as they were."""
        return (0, *like_classes(self.data.class_values, class_values))

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return the class index per pixel."""
        return (class_indices(crop.labels, self.data.class_values),)

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the error of the classes."""
        weights = torch.tensor(self.class_weights, dtype=torch.float32, device=output.device)
        return region_loss(output, targets[0], weights)

    def measure(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with the true regions of held-out pairs; there is nothing to tune.

        Weights are chosen by the mean IoU of the classes present in any truth, pooled over pairs:
        ``present_miou_pooled`` of `metrics.semantic`.
        """
        pairs = self.data.val_pairs
        if not pairs:
            return Validation.by_mean({}, self.rule)
        names = {value: str(value) for value in self.data.class_values}
        classes = ClassSet.of(names)
        block = block_shape(self.spec.model, self.data.spacing, VALIDATION_BLOCK_PX)
        predictor = self.predictor(net, device)
        works = [class_values_of(predictor, ArraySource(pair.image), block) for pair in pairs]
        found = yield from in_turn(works)
        confusion = np.zeros((classes.size, classes.size), np.int64)
        for number, (pair, values) in enumerate(zip(pairs, found, strict=True)):
            yield Progress(1.0, "comparing")
            true, given = classes.encode(str(number), regions_of(pair.labels).values, values)
            confusion += count_pixels(true, given, classes.size)
        ious = [counts.iou for counts in count_classes(confusion) if counts.true]
        figures = {"held-out mIoU": math.fsum(ious) / len(ious)} if ious else {}
        return Validation.by_mean(figures, self.rule)


def weigh_classes(counts: NDArray[np.float64], balance: float) -> NDArray[np.float64]:
    """Return what a pixel of each class weighs, on average 1 over the counted pixels.

    Parameters
    ----------
    counts
        How many pixels are of each class; a class without any weighs as the rarest other.
    balance
        0: all pixels weigh the same; 1: all classes weigh the same, however frequent; between: the
        frequency to the power of minus this. The largest ratio of two weights is
        `MAX_WEIGHT_RATIO`.
    """
    if not counts.any():
        return np.ones(len(counts))
    present = counts > 0
    shares = np.where(present, counts, counts[present].min()) / counts.sum()
    weights = shares**-balance
    weights = np.minimum(weights, MAX_WEIGHT_RATIO * weights.min())
    return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float64)
