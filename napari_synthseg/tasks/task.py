"""The torch side of a task: what a trainer trains, and how the trained network predicts.

The trainer owns steps, learning rate, averaged weights, checkpoints and the choice of the best
weights. A task owns the network's shape, the targets of a crop, the loss, validation on the
held-out part, the rule by which outputs are read, and prediction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.labels import DualImage, PixelLabels
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.progress import Progress, exhaust, in_turn
from napari_synthseg.core.runs import DecodingRule, LearnedAppearance
from napari_synthseg.core.specs import PRETRAINED, TrainSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.networks.warm_start import adopt_weights, shipped_weights
from napari_synthseg.synthesis.datasets import MixedDataset
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.training.augmentation import Augmentation, Crop
from napari_synthseg.training.batches import CropOptions, batch_of, draw_batch
from napari_synthseg.training.class_logits import ClassLogits, pixel_class_logits
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.trainable import Batch, Validation
from napari_synthseg.training.volumes import batch_size, crop_shape, fit_spec

ORIGINS = {False: "synthetic", True: "real"}
"""Whether the pixels of a crop are real -> what figures of such crops are called."""

HELD_OUT_LOSS = "held-out loss"
"""Name of the figure, followed by the origin where crops of both kinds are held out."""

MOST_HELD_OUT = 8
"""Crops of each origin whose loss is measured, at most."""


class Task(ABC):
    """One task, made for certain data: a `Trainable` once it is prepared.

    Attributes
    ----------
    augmentation
        How crops are changed at random.
    spec
        What was asked, made to fit the images.
    in_channels, out_channels
        Of the network.
    crop
        Spatial shape of the crops, pixels.
    rule
        How outputs are read as long as nothing was chosen on the held-out part.
    learned_from
        How the images look that are learned from, where that was measured.
    learned
        Names of the parameters that begin with weights which were trained before.
    notes
        What the user should know of the data, sentences without a final point.
    """

    augmentation: ClassVar[Augmentation] = Augmentation()
    in_channels: int
    out_channels: int
    crop: tuple[int, ...]
    rule: DecodingRule
    learned_from: LearnedAppearance | None = None
    learned: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __init__(self, data: TaskData) -> None:
        self.data = data
        self.spec: TrainSpec = data.spec
        self._held_out: Mapping[str, tuple[Batch, ...]] | None = None

    def prepare(self) -> Generator[Progress, None, DualImage]:
        """Fit network and crops to the first pair; return it.

        A subclass also sets `out_channels` and `rule`. What takes longer yields twice a second.
        """
        (first,) = yield from self.data.pairs.draw([0])
        shape = first.labels.shape
        self.spec = fit_spec(self.data.spec, self.data.spacing or (1.0,) * len(shape))
        self.in_channels = len(first.image)
        self.learned_from = _learned_from(self.data, first)
        self.crop = crop_shape(self.spec, shape)
        return first

    def build_network(self) -> nn.Module:
        """Return the network as training begins with it."""
        net = build_network(self.spec.model, self.in_channels, self.out_channels)
        start = self.data.start
        if self.spec.start == PRETRAINED:
            start = shipped_weights(self.spec.model)
            if start is None:
                self.notes += ("it began with nothing: no weights ship for volumes",)
        if start is not None:
            outputs = self.outputs_like(start.class_values)
            adopted = adopt_weights(net, start.weights, outputs)
            self.learned = adopted.kept
            fresh = ", ".join(adopted.fresh)
            but = f", but for {fresh}, which did not fit" if fresh else ""
            self.notes += (f"it began with {start.words}{but}",)
        return net

    def outputs_like(self, class_values: tuple[int, ...]) -> tuple[int, ...]:
        """Return which output of a network with other classes each output begins as.

        Default: none; where their number differs, the last layer begins with fresh weights.
        """
        return ()

    def make_batch(self, number: int) -> Batch:
        """Return batch `number`: the same one at every call."""
        return exhaust(self._draw_batch(number))

    def _draw_batch(self, number: int) -> Generator[Progress, None, Batch]:
        size = batch_size(self.spec)
        return draw_batch(self.data.pairs, number, size=size, **self._crop_options())

    def _crop_options(self) -> CropOptions:
        return {
            "crop": self.crop,
            "make_targets": self.make_targets,
            "augmentation": self.augmentation,
            "seed": self.spec.seed,
            "spacing": self.data.spacing,
        }

    def draw_targets(self, crops: int) -> Generator[Progress, None, torch.Tensor]:
        """Return the first targets of about so many crops, (crop, ...)."""
        numbers = range(-(-crops // batch_size(self.spec)))
        batches = yield from in_turn([self._draw_batch(n) for n in numbers], "batch")
        return torch.cat([batch.targets[0] for batch in batches])

    @abstractmethod
    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return what is learned from a crop of a pair; of fixed shapes, to be stacked."""

    @abstractmethod
    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the mean error of a batch's output, a scalar; targets are batch first."""

    def batch_loss(
        self, net: nn.Module, batch: Batch, fraction: float
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the loss of a batch, and of its synthetic and real crops; see `Trainable`."""
        output = net(batch.images)
        loss = self.loss(output, batch.targets)
        if not isinstance(self.data.pairs, MixedDataset):
            return loss, {}
        figures = {}
        with torch.no_grad():
            for kind in set(batch.is_real):
                name = ORIGINS[kind]
                mine = [n for n, is_real in enumerate(batch.is_real) if is_real == kind]
                figures[f"{name} loss"] = self.loss(
                    output[mine], tuple(t[mine] for t in batch.targets)
                )
        return loss, figures

    def predictor(self, net: nn.Module, device: torch.device) -> Predictor:
        """Return a network that is in evaluation mode, to be applied to the held-out part."""
        return Predictor(net, self.spec.model, self.in_channels, self.rule, device)

    def validate(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Measure a network as `measure` does, and its loss on held-out pairs; see `Trainable`."""
        losses = {} if tune else (yield from self._held_out_losses(net, device))
        found = yield from self.measure(net, device, tune=tune)
        return replace(found, losses=losses)

    @abstractmethod
    def measure(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Measure a network, in evaluation mode, on the held-out part; see `Trainable`.

        With `tune` the rule is chosen on it, too.
        """

    def _held_out_losses(
        self, net: nn.Module, device: torch.device
    ) -> Generator[Progress, None, Mapping[str, float]]:
        """Return the mean loss of the same crops of held-out pairs each time, by their origin."""
        if self._held_out is None:
            self._held_out = yield from self._draw_held_out()
        losses: dict[str, float] = {}
        for name, batches in self._held_out.items():
            total = 0.0
            for batch in batches:
                with torch.no_grad():
                    there = batch.to(device)
                    total += len(batch.images) * float(self.loss(net(there.images), there.targets))
                yield Progress(0.0, "held-out crops")
            losses[name] = total / sum(len(batch.images) for batch in batches)
        if len(losses) == 1:
            return {HELD_OUT_LOSS: losses.popitem()[1]}
        return {f"{HELD_OUT_LOSS}, {name}": value for name, value in losses.items()}

    def _draw_held_out(self) -> Generator[Progress, None, Mapping[str, tuple[Batch, ...]]]:
        """Return crops of held-out pairs, varied as those that are learned from, by origin."""
        found, size = {}, batch_size(self.spec)
        for kind, name in ORIGINS.items():
            pairs = [p for p in self.data.val_pairs if p.is_real == kind][:MOST_HELD_OUT]
            works = [
                batch_of(pairs[first : first + size], first, **self._crop_options())
                for first in range(0, len(pairs), size)
            ]
            if works:
                found[name] = tuple((yield from in_turn(works, "crops")))
        return found

    @staticmethod
    @abstractmethod
    def predict(
        predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
    ) -> Generator[Progress, None, Prediction]:
        """Apply a trained network to one image; see `tasks.predict.predict_image`."""

    @staticmethod
    def activate(output: torch.Tensor) -> torch.Tensor:
        """Return what a network that is exported gives, from its output, batch first.

        The task's info says what it is (`describe_outputs`). Default: the output as it is.
        """
        return output

    @staticmethod
    def class_logits(predictor: Predictor) -> ClassLogits:
        """Return what heat maps are computed from, if the task's info names methods.

        Default: the logits of pixels, of a network whose first outputs are background and classes.
        """
        classes = len(predictor.rule.class_values)
        return pixel_class_logits(predictor.net, predictor.spec, predictor.in_channels, classes)


def _learned_from(data: TaskData, first: DualImage) -> LearnedAppearance | None:
    """Return how the images look, with the ground of the first pair, else their median."""
    if not data.appearances:
        return None
    levels = np.median([image.level for image in data.appearances], axis=0)
    if isinstance(first.labels, PixelLabels) and (ground := first.labels.array == 0).any():
        levels = np.median(first.image[:, ground], axis=1)
    return LearnedAppearance(images=data.appearances, ground=tuple(levels.tolist()))
