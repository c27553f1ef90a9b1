"""What a `Trainer` trains."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.training.device import channels_last


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops and what is to be learned from them.

    Attributes
    ----------
    images
        (batch, channel, [z,] y, x) float32.
    targets
        What the loss takes next to the output, batch first.
    is_real
        Whether each crop is of a real image; empty where that is not told.
    """

    images: torch.Tensor
    targets: tuple[torch.Tensor, ...] = ()
    is_real: tuple[bool, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, in the order of memory that it is fast with."""
        images = channels_last(self.images.to(device))
        return Batch(images, tuple(t.to(device) for t in self.targets), self.is_real)


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
    losses
        Mean loss of held-out crops, by what they are of; nothing is chosen by it.
    """

    values: Mapping[str, float]
    value: float | None
    rule: DecodingRule | None = None
    previews: Mapping[str, tuple[DualImage, ...]] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def by_mean(cls, values: Mapping[str, float], rule: DecodingRule | None = None) -> Validation:
        """Return figures that weights are compared by the mean of."""
        return cls(values, float(np.mean(list(values.values()))) if values else None, rule)


Net = TypeVar("Net", bound="nn.Module")


class Trainable(Protocol[Net]):
    """What a `Trainer` trains.

    Attributes
    ----------
    learned
        Names of the parameters that `build_network` gave weights which were trained before.
    """

    learned: frozenset[str]

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
