"""What a network is for: the plug point between the training loop and all that depends on the task.

The loop owns steps, learning rate, averaged weights, checkpoints and the choice of the best
weights. A task owns the network's shape, what is learned from a crop, what is corrected, how good
the network is on the held-out part, and what must be known to read its output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.core.specs import TrainSpec
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
        What the task's loss takes next to the output, batch first.
    """

    images: torch.Tensor
    targets: tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Validation:
    """Figures on the held-out part by name, and the rule for reading outputs that gave them."""

    rule: DecodingRule
    values: Mapping[str, float]

    @property
    def value(self) -> float:
        """The mean of the figures: what weights are compared by; 0 if there is none."""
        return float(np.mean(list(self.values.values()))) if self.values else 0.0


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
    held_pairs, held_images
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

    @property
    def holds_out(self) -> bool:
        """Whether there is a held-out part."""
        return bool(self.val_pairs or self.val_images)


class Task(ABC):
    """One task, made for certain data.

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

    @abstractmethod
    def make_batch(self, number: int) -> Batch:
        """Return batch `number`: the same one at every call."""

    @abstractmethod
    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the mean error of a batch's output, a scalar."""

    @abstractmethod
    def validate(self, net: nn.Module, device: torch.device, *, tune: bool) -> Validation:
        """Measure a network, in evaluation mode, on the held-out part.

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
