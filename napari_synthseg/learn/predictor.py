"""A trained network, ready to run, rebuilt from what a run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.training import ModelSpec, Weights
from napari_synthseg.learn.device import choose_device
from napari_synthseg.learn.models import build_model
from napari_synthseg.learn.task import RULES

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, eq=False)
class Predictor:
    """A trained network, ready to run.

    Attributes
    ----------
    kind
        Name of the task.
    rule
        How the network's output is read; see the task.
    """

    kind: str
    net: nn.Module
    spec: ModelSpec
    in_channels: int
    rule: Any
    device: torch.device

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along each axis, in units of the shortest."""
        return self.rule.spacing or (1.0,) * self.spec.spatial_dims

    def check(self, pixels: PixelSource) -> None:
        """Refuse an image that the network cannot take.

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
                f"The image has {pixels.shape[0]} channels, but the model was trained on "
                f"{self.in_channels}: choose the channels that it was trained on."
            )


def load_predictor(model: Mapping[str, Any], weights: Weights, device: str = "auto") -> Predictor:
    """Build a predictor from what a run keeps.

    Parameters
    ----------
    model
        ``TrainingRun.model``: spec, in_channels, out_channels, task.
    weights
        Parameter name -> array.

    Raises
    ------
    InputError
        If another version of this program, with another network, made them.
    """
    import torch

    from napari_synthseg.learn import tasks  # noqa: F401 - defines their rules

    kind = str(model["task"].get("kind", "segment"))
    fields = {k: v for k, v in model["task"].items() if k != "kind"}
    try:
        spec = ModelSpec(**model["spec"])
        net = build_model(spec, model["in_channels"], model["out_channels"])
        net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        rule = RULES[kind](**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    except (KeyError, RuntimeError, TypeError) as error:  # what does not fit this version
        raise InputError(
            "This model was made by another version of napari-synthseg, with another network: "
            "train it again, or install the version that the run's record names."
        ) from error
    where, _ = choose_device(device)
    return Predictor(kind, net.to(where).eval(), spec, model["in_channels"], rule, where)
