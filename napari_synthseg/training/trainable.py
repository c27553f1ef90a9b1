"""What a `Trainer` trains, and the base class of tasks.

The trainer owns steps, learning rate, averaged weights, checkpoints and the choice of the best
weights. A task owns the network's shape, the targets of a crop, the loss, validation on the
held-out part, and the rule by which outputs are read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.training.model import Predictor

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops and what is to be learned from them.

    Attributes
    ----------
    images
        (batch, channel, [z,] y, x) float32.
    targets
        What the loss takes next to the output, batch first.
    """

    images: torch.Tensor
    targets: tuple[torch.Tensor, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(self.images.to(device), tuple(t.to(device) for t in self.targets))


@dataclass(frozen=True)
class Validation:
    """How good weights are.

    Attributes
    ----------
    values
        Figures by name.
    value
        What weights are compared by, the higher the better; None: there is nothing to compare.
    rule
        How outputs were read, where that can be chosen.
    previews
        What the network gives so far.
    """

    values: Mapping[str, float]
    value: float | None
    rule: DecodingRule | None = None
    previews: Mapping[str, tuple[DualImage, ...]] = field(default_factory=dict)

    @classmethod
    def by_mean(cls, values: Mapping[str, float], rule: DecodingRule | None = None) -> Validation:
        """Return figures that weights are compared by the mean of."""
        return cls(values, float(np.mean(list(values.values()))) if values else None, rule)


Net = TypeVar("Net", bound="nn.Module")


class Trainable(Protocol[Net]):
    """What a `Trainer` trains."""

    def build_network(self) -> Net:
        """Return the network with fresh weights, drawn from torch's default generator."""
        ...

    def make_batch(self, number: int) -> Batch:
        """Return batch `number`: the same one at every call. Called in a thread of its own."""
        ...

    def batch_loss(
        self, net: Net, batch: Batch, fraction: float
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the loss of a batch, a scalar, and figures of it by name.

        `fraction` is the share of the budget that is used up.
        """
        ...

    def validate(self, net: Net, device: torch.device) -> Generator[Progress, None, Validation]:
        """Measure a network, in evaluation mode, on the held-out part.

        Yields at least twice a second, never inside of a context that changes how torch works.
        """
        ...


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


class Task(ABC):
    """One task, made for certain data; a `Trainable`.

    Attributes
    ----------
    spec
        What was asked, made to fit the images.
    in_channels, out_channels
        Of the network.
    rule
        How outputs are read as long as nothing was chosen on the held-out part.
    notes
        What the user should know of the data, sentences without a final point.
    """

    spec: TrainSpec
    in_channels: int
    out_channels: int
    rule: DecodingRule
    notes: tuple[str, ...] = ()

    def __init__(self, data: TaskData) -> None:
        self.data = data

    def build_network(self) -> nn.Module:
        """Return the network with fresh weights."""
        return build_network(self.spec.model, self.in_channels, self.out_channels)

    @abstractmethod
    def make_batch(self, number: int) -> Batch:
        """Return batch `number`: the same one at every call."""

    @abstractmethod
    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the mean error of a batch's output, a scalar."""

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
    ) -> Generator[float, None, Prediction]:
        """Apply a trained network to one image; see `tasks.predict.predict_image`."""
