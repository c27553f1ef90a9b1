"""What a training says at each step, what it returns, and the record that is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import ModelSpec, TrainSpec

RunState = Literal["running", "done", "cancelled", "failed"]

Weights = dict[str, NDArray[np.generic]]
"""Parameter name -> array; what is written as safetensors."""


@dataclass(frozen=True)
class TrainStep:
    """One batch of training.

    `loss` is the batch's; `validation` is set on the steps at which the model was validated;
    `best` says that these weights are the best so far. `fraction` is the share of the limit
    (time or steps) that is used up.
    """

    step: int
    fraction: float
    loss: float
    seconds: float
    validation: Mapping[str, float] | None = None
    best: bool = False
    message: str = ""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What training returns: weights and all that is needed to use them again, without torch.

    `task` is the decoding rule's parameters (for segmenting: class values, thresholds,
    typical diameter in pixels); `weights` are the best ones by `selection`.
    """

    spec: ModelSpec
    in_channels: int
    out_channels: int
    task: Mapping[str, Any]
    weights: Weights
    device: str = "cpu"
    selection: str = ""
    """How these weights were chosen, in words."""
    state: Literal["done", "cancelled"] = "done"
    history: tuple[TrainStep, ...] = ()


class TrainingRun(BaseModel):
    """The record of one run, saved with the project; its files lie in ``runs/ID/``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    name: str
    state: RunState = "running"
    created: str = ""
    spec: TrainSpec = TrainSpec()
    recipe: dict[str, Any] = Field(default_factory=dict)
    images: tuple[str, ...] = ()
    """Ids of the images it was trained on."""
    model: dict[str, Any] = Field(default_factory=dict)
    """in_channels, out_channels, task: see `TrainedModel`."""
    device: str = ""
    selection: str = ""
    steps: int = 0
    seconds: float = 0.0
    error: str = ""
    """The traceback, where it failed."""
    versions: dict[str, str] = Field(default_factory=dict)
    scores: tuple[Scores, ...] = ()

    @property
    def task_kind(self) -> str:
        """What the run's model does."""
        return str(self.model.get("task", {}).get("kind", self.spec.task))

    def check_trained(self) -> None:
        """Raise `InputError` if the run has no model."""
        if self.state not in ("done", "cancelled") or not self.model:
            raise InputError(f"Run '{self.name}' has no trained model: train again.")
