"""What a training returns, its history, and the record that is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
)

from napari_synthseg.core.annotations import Frozen, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import LEAVE_RATIO, MAX_FACTOR, Factor
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import SCRATCH, ModelSpec, TrainSpec

RunState = Literal["running", "done", "cancelled", "failed"]

Weights = dict[str, NDArray[np.generic]]
"""Parameter name -> array; what is written as safetensors."""


Rule = TypeVar("Rule", bound="DecodingRule")


class DecodingRule(Frozen):
    """What must be known to read a network's output; chosen in training, and kept with the run.

    Each task has a subclass with fields of its own. A record keeps them word for word, also of a
    task that is not installed; `as_type` gives them their type back.

    Attributes
    ----------
    kind
        Name of the task. The first versions knew one task and wrote no name: it is empty.
    class_values
        Class values in the order of the network's class outputs.
    diameter
        Typical diameter of an object, pixels along the finest axis.
    spacing
        Distance of a volume's pixels along (z, y, x) as the network sees it, in units of the
        shortest; empty: all alike.
    scale
        Pixels that the network sees for one pixel of the images that it learned from, along their
        finest axis.
    scales
        Image id -> the same, of each image whose scale is known: those learned from, those held out
        whose objects could be measured, and what lies in the same files.
    elongation
        About how many times longer than wide the usual object is, along its bends; 0: not known.
    pixel_size, unit
        Along the finest axis, of an image on which `scale` shows objects as large as they were
        learned; where all images learned from tell theirs, and images are resampled.
    """

    model_config = ConfigDict(extra="allow")
    kind: str = ""
    class_values: tuple[int, ...]
    diameter: float
    spacing: tuple[float, ...] = ()
    scale: float = 1.0
    scales: dict[str, float] = Field(default_factory=dict)
    elongation: float = 0.0
    pixel_size: float | None = None
    unit: str = ""

    def scale_for(self, image: ImageRef, magnification: float | None = None) -> Factor:
        """Return how many pixels the network should see for one of an image, along each axis.

        `magnification` says how many times larger objects are than on the images learned from.
        Without it, an image that was learned from has the scale that it had then, and on others
        objects keep their physical size where pixel sizes are known; else the usual scale holds.
        Pixels of volumes get the spacing of those that were learned from.
        """
        factor = self.scale
        if magnification is not None:
            factor = min(factor / magnification, MAX_FACTOR)
        elif image.id in self.scales:
            factor = self.scales[image.id]
        elif self.pixel_size and image.pixel_size and image.unit == self.unit:
            factor = min(factor * min(image.pixel_size) / self.pixel_size, MAX_FACTOR)
        if self.scale == 1 and 1 / LEAVE_RATIO <= factor <= LEAVE_RATIO:
            return 1.0
        if len(self.spacing) != image.ndim:
            return factor
        return tuple(factor * s / w for s, w in zip(image.spacing, self.spacing, strict=True))

    def as_type(self, rule_type: type[Rule]) -> Rule:
        """Return the rule as that of a task; pydantic's `ValidationError` where it does not fit."""
        own = self.model_dump(mode="json", exclude=None if self.kind else {"kind"})
        return rule_type.model_validate(own)


class Appearance(Frozen):
    """How an image looks, at the scale at which a network sees it.

    Attributes
    ----------
    level
        Median of each channel, normalized intensity.
    noise
        Standard deviation of the noise of each channel, normalized intensity.
    span
        From the 1st to the 99.8th percentile of each channel, normalized intensity.
    highest
        Highest value of all channels, normalized intensity.
    edge
        Width of its steepest edges, pixels (standard deviation of the blur).
    unevenness
        How far its light changes from one side to the other, normalized intensity.
    structure
        Logarithm of the energy of its structure at each of some scales; see `training.appearance`.
    """

    level: tuple[float, ...]
    noise: tuple[float, ...]
    span: tuple[float, ...]
    highest: float
    edge: float
    unevenness: float
    structure: tuple[float, ...]

    @property
    def contrast(self) -> float:
        """Span over noise, of the channel where it is largest. 5.2 is nothing but noise."""
        return max(s / max(n, 1e-6) for s, n in zip(self.span, self.noise, strict=True))


class LearnedAppearance(Frozen):
    """How the images look that a model learned from.

    Attributes
    ----------
    images
        At least one.
    ground
        Usual intensity between the objects, of each channel, normalized.
    """

    images: tuple[Appearance, ...]
    ground: tuple[float, ...]


class LearnedChannels(Frozen):
    """Which channels of images are learned from.

    Attributes
    ----------
    images
        Image id -> its number of channels in all, and those of them that are learned from.
    by_count
        Number of channels of an image in all -> those that are learned from, where images agree.
    """

    images: dict[str, tuple[int, tuple[int, ...]]] = Field(default_factory=dict)
    by_count: dict[int, tuple[int, ...]] = Field(default_factory=dict)

    @property
    def are_all(self) -> bool:
        """Whether all channels of all images are learned from, in their own order."""
        each = (*self.images.values(), *self.by_count.items())
        return all(used == tuple(range(count)) for count, used in each)

    def with_images(self, images: Mapping[str, tuple[int, tuple[int, ...]]]) -> LearnedChannels:
        """Return these channels and those of more images."""
        images = {**self.images, **images}
        choices = {count: {used} for count, used in self.by_count.items()}
        for count, used in images.values():
            choices.setdefault(count, set()).add(used)
        agreed = {count: used.pop() for count, used in choices.items() if len(used) == 1}
        return LearnedChannels(images=images, by_count=agreed)

    def known(self, image: str, count: int) -> tuple[int, ...] | None:
        """Return those learned from of an image of `count` in all; None: nothing tells them."""
        its_count, used = self.images.get(image, (0, ()))
        return used if its_count == count else self.by_count.get(count)

    def seen(self, image: ImageRef, count: int, in_channels: int) -> tuple[int, ...] | None:
        """Return which of its `count` channels a model of `in_channels` sees; None: all.

        They are those that it learned from, whatever is chosen for the image by now. Where nothing
        tells them, the model sees what is chosen, or all, where as many were learned from.
        """
        every = tuple(range(count))
        used = image.channels or every
        seen = self.known(image.id, count)
        if seen is None:
            is_whole = count == in_channels and len(used) != count
            seen = every if is_whole else used
        return image.channels if seen == used else None if seen == every else seen


class ModelRecord(Frozen):
    """What is kept beside the weights to use them again."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)
    spec: ModelSpec
    in_channels: int
    out_channels: int
    rule: DecodingRule = Field(alias="task")
    learned_from: LearnedAppearance | None = None
    """How the images look that it learned from; None: it is of an earlier version."""
    channels: LearnedChannels | None = None
    """None: it is of an earlier version."""

    @field_validator("rule", mode="after")
    @classmethod
    def _forget_type(cls, rule: DecodingRule) -> DecodingRule:
        return rule.as_type(DecodingRule)  # so that a record equals the one that is read again

    @property
    def learned_channels(self) -> LearnedChannels:
        """Which channels it learned from; earlier versions knew no choice, and used all of them."""
        if self.channels is not None:
            return self.channels
        return LearnedChannels(by_count={self.in_channels: tuple(range(self.in_channels))})


@dataclass(frozen=True)
class HistoryRow:
    """One batch of training, as it is kept in ``history.csv``.

    `seconds` are counted from the start of the run. `validation` are the figures of the weights
    after it, where they were validated, and `best` says whether they are the best so far.
    """

    step: int
    seconds: float
    loss: float
    validation: Mapping[str, float] = field(default_factory=dict)
    best: bool = False


FEW_STEPS = 150
"""Networks that learned for fewer steps still merge objects that touch, and miss small ones."""


def few_steps(steps: int) -> tuple[str, ...]:
    """Return what to do where a training took few steps, a sentence without a point."""
    done = "1 step" if steps == 1 else f"{steps} steps"
    return (f"{done} so far: train longer",) if steps < FEW_STEPS else ()


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What training returns: weights and all that is needed to use them again, without torch.

    `weights` are the best ones by `selection`.
    """

    spec: ModelSpec
    in_channels: int
    out_channels: int
    rule: DecodingRule
    weights: Weights
    learned_from: LearnedAppearance | None = None
    channels: LearnedChannels = field(default_factory=LearnedChannels)
    device: str = "cpu"
    selection: str = ""
    """How these weights were chosen, in words."""
    state: Literal["done", "cancelled"] = "done"
    steps: int = 0
    seconds: float = 0.0
    history: tuple[HistoryRow, ...] = ()

    @property
    def record(self) -> ModelRecord:
        """What is kept beside the weights."""
        return ModelRecord(
            spec=self.spec,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            rule=self.rule,
            learned_from=self.learned_from,
            channels=self.channels,
        )


class TrainingRun(Frozen):
    """The record of one run, saved with the project; its files lie in ``runs/ID/``."""

    id: str
    name: str
    state: RunState = "running"
    created: str = ""
    spec: TrainSpec = TrainSpec()
    recipe: dict[str, Any] = Field(default_factory=dict)
    images: tuple[str, ...] = ()
    """Ids of the images it was trained on."""
    model: ModelRecord | None = None
    """None until it is trained; an empty object on disk."""
    device: str = ""
    selection: str = ""
    steps: int = 0
    seconds: float = 0.0
    error: str = ""
    """The traceback, where it failed; or where going on failed with a model that is there."""
    versions: dict[str, str] = Field(default_factory=dict)
    scores: tuple[Scores, ...] = ()
    least_score: float | None = None
    """Score from which on its objects are shown, scored and exported; None: as its rule says."""

    @field_validator("spec", mode="before")
    @classmethod
    def _read_older(cls, spec: object) -> object:
        """Let runs of older versions see images as they are, and begin with nothing."""
        older = {"working_diameter": 0.0, "start": SCRATCH}
        return older | dict(spec) if isinstance(spec, Mapping) else spec

    @field_validator("model", mode="before")
    @classmethod
    def _read_empty(cls, model: object) -> object:
        return model or None

    @field_serializer("model", mode="wrap")
    def _write_empty(
        self, model: ModelRecord | None, write: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        written: dict[str, Any] = write(model) if model is not None else {}
        return {key: value for key, value in written.items() if value is not None}

    @property
    def task(self) -> str:
        """Name of the task that the run's model does, or shall do."""
        return self.model.rule.kind if self.model is not None else self.spec.task

    def in_state(self, state: RunState, error: str = "") -> TrainingRun:
        """Return the record with a state and the traceback of what went wrong.

        A run that has a model keeps its own state: the model can be used as before.
        """
        state = state if self.model is None else self.state
        return self.model_copy(update={"state": state, "error": error})

    def is_trained_as(self, other: TrainingRun) -> bool:
        """Tell whether its weights are those that it had in another record of it."""
        return (self.model, self.steps, self.seconds) == (other.model, other.steps, other.seconds)

    def trained_model(self) -> ModelRecord:
        """Return the run's model, also where going on failed; raise `InputError` if it has none."""
        if self.model is None:
            raise InputError(f"Run '{self.name}' has no trained model: train again.")
        return self.model
