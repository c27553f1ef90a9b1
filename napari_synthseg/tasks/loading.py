"""Rebuilding a trained network from what a run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.runs import Weights
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.build import build_model
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.trainable import RULES

if TYPE_CHECKING:
    pass


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

    from napari_synthseg.tasks import all_tasks  # noqa: F401 - defines their rules

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
