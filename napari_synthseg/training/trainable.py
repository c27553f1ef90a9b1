"""What a network is for: the plug point between the training loop and all that depends on the task.

The loop owns steps, learning rate, averaged weights, checkpoints and the choice of the best
weights. A task owns the network's shape, what is learned from a crop, what is corrected, how good
the network is on the held-out part, and what must be known to read its output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.specs import TaskName, TrainSpec

if TYPE_CHECKING:
    import torch
    from torch import nn


TASKS: dict[str, type[Task]] = {}
"""Name -> task. Importing `napari_synthseg.learn.tasks` fills it."""

RULES: dict[str, type[Any]] = {}
"""Name of a task -> how its outputs are read: a data class of plain values."""


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

    rule: Any
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
        What was asked.
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
    """One task, made for certain data. A subclass sets `kind`; defining it registers it.

    Attributes
    ----------
    networks
        Names of the networks that can do it, the default first.
    rule_type
        Type of `rule`.
    spec
        What was asked, made to fit the images.
    in_channels, out_channels
        Of the network.
    rule
        How outputs are read as long as nothing was chosen on the held-out part: a frozen data class
        of plain values.
    notes
        What the user should know of the data, sentences without a final point.
    """

    kind: ClassVar[TaskName]
    networks: ClassVar[tuple[str, ...]]
    rule_type: ClassVar[type[Any]]
    spec: TrainSpec
    in_channels: int
    out_channels: int
    rule: Any
    notes: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under its `kind`."""
        super().__init_subclass__(**kwargs)
        TASKS[cls.kind] = cls
        RULES[cls.kind] = cls.rule_type

    def __init__(self, data: TaskData) -> None:
        self.data = data

    def with_network(self, spec: TrainSpec) -> TrainSpec:
        """Return a spec with a network that can do the task.

        Raises
        ------
        InputError
            If another one is asked for by name.
        """
        name = spec.model.name
        if name not in ("", *self.networks):
            raise InputError(
                f"The network '{name}' cannot {self.kind}: choose {', '.join(self.networks)}."
            )
        model = spec.model.model_copy(update={"name": name or self.networks[0]})
        return spec.model_copy(update={"model": model})

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
