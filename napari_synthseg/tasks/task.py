"""The torch side of a task: what a trainer trains, and how the trained network predicts.

The trainer owns steps, learning rate, averaged weights, checkpoints and the choice of the best
weights. A task owns the network's shape, the targets of a crop, the loss, validation on the
held-out part, the rule by which outputs are read, and prediction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.training.augmentation import Augmentation, Crop
from napari_synthseg.training.batches import make_batch
from napari_synthseg.training.class_logits import ClassLogits, pixel_class_logits
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.trainable import Batch, Validation
from napari_synthseg.training.volumes import batch_size


@dataclass(frozen=True, eq=False)
class TaskData:
    """What a task is made for.

    Attributes
    ----------
    spec
        What was asked, with a network and the task's own defaults.
    pairs
        What is learned from.
    class_values
        Class values in ascending order.
    diameter
        Typical diameter of an object, pixels along the finest axis.
    spacing
        Distance of a volume's pixels along (z, y, x), in units of the shortest; empty: all alike.
    val_pairs, val_images
        The held-out part.
    class_names
        Class value -> name, for messages.
    """

    spec: TrainSpec
    pairs: Synthesizer
    class_values: tuple[int, ...]
    diameter: float
    spacing: tuple[float, ...] = ()
    val_pairs: tuple[DualImage, ...] = ()
    val_images: tuple[ClickedImage, ...] = ()
    class_names: Mapping[int, str] = field(default_factory=dict)

    def class_name(self, value: int) -> str:
        """Return the name of a class, or what stands for it."""
        return self.class_names.get(value, f"class {value}")


class Task(ABC):
    """One task, made for certain data: a `Trainable`.

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
    notes
        What the user should know of the data, sentences without a final point.
    """

    augmentation: ClassVar[Augmentation] = Augmentation()
    spec: TrainSpec
    in_channels: int
    out_channels: int
    crop: tuple[int, ...]
    rule: DecodingRule
    notes: tuple[str, ...] = ()

    def __init__(self, data: TaskData) -> None:
        self.data = data

    def build_network(self) -> nn.Module:
        """Return the network with fresh weights."""
        return build_network(self.spec.model, self.in_channels, self.out_channels)

    def make_batch(self, number: int) -> Batch:
        """Return batch `number`: the same one at every call."""
        return make_batch(
            self.data.pairs,
            number,
            size=batch_size(self.spec),
            crop=self.crop,
            make_targets=self.make_targets,
            augmentation=self.augmentation,
            seed=self.spec.seed,
            spacing=self.data.spacing,
        )

    @abstractmethod
    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return what is learned from a crop of a pair; of fixed shapes, to be stacked."""

    @abstractmethod
    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the mean error of a batch's output, a scalar; targets are batch first."""

    def batch_loss(
        self, net: nn.Module, batch: Batch, fraction: float
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the loss of a batch; see `Trainable`."""
        return self.loss(net(batch.images), batch.targets), {}

    @abstractmethod
    def validate(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Measure a network, in evaluation mode, on the held-out part; see `Trainable`.

        With `tune` the rule is chosen on it, too.
        """

    @staticmethod
    @abstractmethod
    def predict(
        predictor: Predictor,
        pixels: PixelSource,
        *,
        image: str,
        run: str,
        block: tuple[int, ...] | None,
    ) -> Generator[Progress, None, Prediction]:
        """Apply a trained network to one image; see `tasks.predict.predict_image`."""

    @staticmethod
    def class_logits(predictor: Predictor) -> ClassLogits:
        """Return what heat maps are computed from, if the task's info names methods.

        Default: the logits of pixels, of a network whose first outputs are background and classes.
        """
        classes = len(predictor.rule.class_values)
        return pixel_class_logits(predictor.net, predictor.spec, classes)
