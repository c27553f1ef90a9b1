"""A trained network, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.runs import DecodingRule, Weights
from napari_synthseg.core.specs import ModelSpec


@dataclass(frozen=True, eq=False)
class Predictor:
    """A trained network, ready to run.

    Attributes
    ----------
    rule
        How the network's output is read; see the task.
    """

    net: nn.Module
    spec: ModelSpec
    in_channels: int
    rule: DecodingRule
    device: torch.device

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along each axis, in units of the shortest."""
        return self.rule.spacing or (1.0,) * self.spec.spatial_dims

    def check(self, pixels: PixelSource, name: str = "The image") -> None:
        """Refuse an image that the network cannot take; `name` it in messages.

        Raises
        ------
        InputError
            If the image has another number of channels than the model was trained with, or is a
            volume where the model is for images, or the other way round.
        """
        kinds = {2: "flat images", 3: "volumes"}
        trained, given = self.spec.spatial_dims, len(pixels.region)
        if trained != given:
            raise InputError(
                f"The model was trained on {kinds[trained]}, and this is one of {kinds[given]}: "
                f"add the stack {'plane by plane' if trained == 2 else 'as a volume'}, or train a "
                f"model on {kinds[given]}."
            )
        if pixels.shape[0] != self.in_channels:
            raise InputError(
                f"{name} has {pixels.shape[0]} channel(s), but the model was trained on images of "
                f"{self.in_channels}: save the image with as many, or train a model on such images."
            )


def weights_of(net: nn.Module) -> Weights:
    """Return a copy of a network's weights and buffers, by name."""
    return {k: v.detach().cpu().numpy().copy() for k, v in net.state_dict().items()}


def load_weights(net: nn.Module, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Give a network its weights and buffers.

    Raises
    ------
    RuntimeError
        If names or shapes do not fit.
    """
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
