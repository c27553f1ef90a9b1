"""What a training run is asked to do, what it says at each step, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import Scores

TaskName = Literal["segment", "semantic", "classify", "detect"]
Source = Literal["synthetic", "real", "mixed"]
RunState = Literal["running", "done", "cancelled", "failed"]

Weights = dict[str, NDArray[np.generic]]
"""Parameter name -> array; what is written as safetensors."""


class ModelSpec(BaseModel):
    """Which network, and how large.

    `name` is looked up in the registry of `learn`; without one the task chooses. `width` is the
    number of feature channels at full resolution, doubled at each of `depth` halvings. In a volume
    whose planes lie far apart, the first `flat` halvings leave z as it is. Detectors first reduce
    images by averaging squares of `reduce` pixels; without one the task chooses by the objects.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = ""
    width: int = Field(default=8, ge=4, le=256)
    depth: int = Field(default=4, ge=1, le=6)
    spatial_dims: Literal[2, 3] = 2
    flat: int = Field(default=0, ge=0, le=6)
    reduce: int | None = Field(default=None, ge=1, le=32)

    @property
    def multiple(self) -> tuple[int, ...]:
        """What extents ([z,] y, x) must be multiples of, pixels."""
        in_plane = 2**self.depth
        if self.spatial_dims == 2:
            return in_plane, in_plane
        return int(2 ** max(self.depth - self.flat, 0)), in_plane, in_plane


OWN_DEFAULTS: dict[str, dict[str, int]] = {"semantic": {"crop": 128, "batch_size": 8}}
"""Task -> fields of `TrainSpec` that have another default for it.

Regions have no size of their own that a crop should hold, so that more and smaller crops of other
places teach more in the same time.
"""


class TrainSpec(BaseModel):
    """What to train and for how long. Its fields are the form, the CLI flags and the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: TaskName = "segment"
    source: Source = Field(
        default="synthetic",
        description="dual images, real images with ground truth, or both (see real_fraction)",
    )
    minutes: float | None = Field(default=4.0, gt=0, description="time limit in minutes")
    steps: int | None = Field(default=None, ge=1, description="step limit; wins over the time")
    pairs: int | None = Field(
        default=None,
        ge=1,
        description="distinct dual images, used in turn; empty: endless, "
        "or as many as are enough where drawing them takes long",
    )
    real_fraction: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="share of real crops: with ground truth where the source is mixed, else of "
        "fully clicked images with the masks found",
    )
    batch_size: int = Field(default=4, ge=1, le=256, description="crops in one batch")
    crop: int = Field(default=256, ge=32, le=2048, multiple_of=32, description="crop edge, pixels")
    volume_batch: int = Field(default=2, ge=1, le=64, description="volumes: crops in one batch")
    volume_crop: int = Field(
        default=64,
        ge=16,
        le=512,
        multiple_of=16,
        description="volumes: crop edge (y, x), pixels",
    )
    volume_planes: int = Field(
        default=24, ge=1, le=512, description="volumes: planes of a crop, at most"
    )
    size_boxes: bool = Field(
        default=True,
        description="boxes of dual images: as large as the class's diameter says, where that is "
        "near what the masks say",
    )
    class_balance: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="regions: how much more rare classes weigh; 0 as frequent, 1 all the same",
    )
    learning_rate: float = Field(default=2e-3, gt=0, description="peak learning rate")
    validation_fraction: float = Field(
        default=0.2, ge=0.0, le=0.5, description="share held out to choose the best weights"
    )
    seed: int = Field(default=0, ge=0, description="seed of weights, order and augmentation")
    device: str = Field(default="auto", description="auto, cpu, cuda or mps")
    model: ModelSpec = ModelSpec()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {**OWN_DEFAULTS.get(str(data.get("task")), {}), **data}

    def for_task(self, task: TaskName) -> TrainSpec:
        """Return the spec for another task; fields that are at their default follow it."""
        old, new = TrainSpec(task=self.task), TrainSpec(task=task)
        names = {name for own in OWN_DEFAULTS.values() for name in own}
        follow = [n for n in names if getattr(self, n) == getattr(old, n)]
        return self.model_copy(update={"task": task, **{n: getattr(new, n) for n in follow}})


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


@dataclass(frozen=True, eq=False)
class Prediction:
    """The objects that a model found on one image.

    `ids` has the image region's spatial shape, int32, 0 = background; `objects` describes each
    id. `region_origin` is the full-image position of the first pixel. Of a classifier, `shown` is
    class value -> probability that the image shows it, and `thresholds` from which on it is
    reported; it finds no objects. Of a detector, `candidates` are all boxes, those below the
    thresholds, too; it gives boxes only, and `ids` are 0. Of a semantic model, `ids` are class
    values, and there are no objects.
    """

    image: str
    run: str
    ids: NDArray[np.int32]
    objects: tuple[FoundObject, ...]
    region_origin: tuple[int, ...] = (0, 0)
    shown: Mapping[int, float] = field(default_factory=dict)
    thresholds: Mapping[int, float] = field(default_factory=dict)
    candidates: tuple[FoundObject, ...] = ()

    @property
    def classes(self) -> dict[int, int]:
        """Instance id -> class value."""
        return {o.id: o.cls for o in self.objects}


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """Where on one image a model finds the evidence for each class.

    Attributes
    ----------
    image, run
        Ids.
    maps
        Class value -> map, float32, the image region's spatial shape. Raw: of any sign and scale,
        the same scale all over the image.
    method, layer
        How the maps were made; see `napari_synthseg.learn.cam`.
    region_origin
        Full-image position of the first pixel.
    """

    image: str
    run: str
    maps: Mapping[int, NDArray[np.float32]]
    method: str
    layer: str
    region_origin: tuple[int, ...] = (0, 0)


@dataclass(frozen=True)
class FoundObject:
    """One predicted object: `center` and `box` (half-open) in full-image pixels."""

    id: int
    cls: int
    score: float
    center: tuple[float, ...]
    box: tuple[tuple[float, float], ...]
    notes: tuple[str, ...] = field(default=())
