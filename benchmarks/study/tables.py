"""The tables of a study file, and what each key may hold."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from benchmarks.study.draw import Draw, Sample
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.patches.simulated_clicks import JITTER_DIAMETERS
from napari_synthseg.tasks.registry import task_names

Source = Literal["clicks", "true-mask-patches", "masks", "real", "mixed"]
Subset = Literal["tuning", "closing"]

OF_THE_ARM = {
    "source": "each arm has its own source",
    "seed": "write seeds = [...]",
}
"""Fields of `TrainSpec` that are no keys of [train], and why."""


class Table(BaseModel):
    """A table of a study file: nothing in it is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Heading(Table):
    """What is asked."""

    title: str = Field(min_length=1, description="name of the study, above report and figure")
    question: str = Field(default="", description="what the study is to tell")


class DataSource(Table):
    """Where images come from; a subclass that sets a default `reader` is registered under it.

    A subclass adds the keys that it needs, and draws images in `draw`.
    """

    readers: ClassVar[dict[str, type[DataSource]]] = {}
    reader: str = Field(default="", description="kind of data: 'folder', 'boxes' or 'points'")
    images: int = Field(ge=1, description="training images of an arm that says nothing else")
    image_seed: int | tuple[int, ...] | Literal["seed"] = Field(
        default="seed",
        description="which images are drawn: one number, a list (all of it for each seed), or "
        "'seed' for the number of the training seed",
    )
    part: Subset = Field(description="half of the images that is scored on: 'tuning' or 'closing'")
    limit: int | None = Field(default=None, ge=1, description="most images to score on")
    class_name: str = Field(
        default="object", min_length=1, max_length=64, description="what the objects are called"
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under the default of its `reader`."""
        super().__pydantic_init_subclass__(**kwargs)
        DataSource.readers[cls.model_fields["reader"].default] = cls

    @field_validator("image_seed")
    @classmethod
    def _check_seeds(cls, value: int | tuple[int, ...] | str) -> int | tuple[int, ...] | str:
        seeds = value if isinstance(value, tuple) else (value,)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError("give each number once, and at least one")
        if any(isinstance(s, int) and s < 0 for s in seeds):
            raise ValueError("seeds are whole numbers from 0")
        return value

    def image_seeds(self, seed: int) -> tuple[int, ...]:
        """Return the image seeds that go with a training seed."""
        if self.image_seed == "seed":
            return (seed,)
        return (self.image_seed,) if isinstance(self.image_seed, int) else tuple(self.image_seed)

    def draw(self, count: int, image_seed: int) -> Draw:
        """Draw `count` training images, and the images to score on.

        The first n training images are the same for every `count`; no image to score on shares a
        group with one of them.

        Raises
        ------
        InputError
            If the data are not there, or too few; the message says where they should be.
        """
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their values, from 1."""
        return (self.class_name,)

    @property
    def regions(self) -> bool:
        """Whether the ground truth is of regions, without objects."""
        return False

    def training_samples(self, sample: Sample, source: str) -> tuple[Sample, ...]:
        """Return what an arm with a source learns from instead of a sample that was drawn."""
        return (sample,)

    def describe(self) -> str:
        """Return in words which images are scored on."""
        raise NotImplementedError


class TrainTable(TrainSpec):
    """How every arm is trained: the fields of `TrainSpec`, the same for all arms."""

    hidden_keys: ClassVar[frozenset[str]] = frozenset(OF_THE_ARM)
    task: str = Field(default="segment", description="what is trained")
    steps: int = Field(ge=1, description="batches, the same number in every arm")
    minutes: float = Field(default=5.0, gt=0, description="what --calibrate turns into steps")
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="training seeds")

    @model_validator(mode="before")
    @classmethod
    def _refuse_keys_of_arms(cls, data: Any) -> Any:
        for key, remedy in OF_THE_ARM.items():
            if isinstance(data, dict) and key in data:
                raise ValueError(f"'{key}' is no key of [train]: {remedy}")
        return data

    @field_validator("task")
    @classmethod
    def _check_task(cls, value: str) -> str:
        if value not in task_names():
            raise ValueError(f"no such task, one of: {', '.join(map(repr, task_names()))}")
        return value

    @field_validator("seeds")
    @classmethod
    def _check_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 0 or len(set(value)) < len(value):
            raise ValueError("seeds are whole numbers from 0, each given once")
        return value

    def spec(self, **fields: Any) -> TrainSpec:
        """Return what a run is asked, with `fields` set."""
        own = self.model_dump(include=set(TrainSpec.model_fields), exclude={"minutes"})
        return TrainSpec(**{**own, "minutes": None, **fields})


class Arm(Table):
    """One of the things compared."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=48, description="name of the arm"
    )
    source: Source = Field(
        description="'clicks' (patches from clicks), 'true-mask-patches' (patches from clicks, "
        "cut by the true masks), 'masks' (image and mask learned together from true masks, by a "
        "recipe that does so), 'real' (the images themselves with their ground truth) or 'mixed' "
        "(dual images and 'real', the latter by 'real_fraction')"
    )
    images: int | None = Field(default=None, ge=1, description="training images of this arm")
    factor: float | None = Field(
        default=None, gt=0, description="training images, as a multiple of those of [data]"
    )
    clicks: int | Literal["all"] = Field(default="all", description="clicks on each image")
    clicks_in_all: int | None = Field(
        default=None, ge=1, description="clicks on all images together, dealt evenly"
    )
    jitter: float = Field(
        default=JITTER_DIAMETERS, ge=0, le=1, description="scatter of the clicks, in diameters"
    )
    diameter_factor: float = Field(
        default=1.0, gt=0, le=10, description="what the typical diameter is multiplied by"
    )
    preset: str | None = Field(default=None, description="name of the recipe to start from")
    recipe: dict[str, Any] = Field(default_factory=dict, description="parameters of the recipe")
    pairs: int | None = Field(
        default=None, ge=1, description="distinct dual images, used in turn; default: endless"
    )
    real_fraction: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of real crops; of source 'clicks' with the masks found",
    )
    start: Literal["pretrained", "scratch"] | None = Field(
        default=None, description="what the network begins with"
    )
    steps: int | None = Field(default=None, ge=1, description="batches of this arm")
    adapt: bool = Field(
        default=False,
        description="score the same weights also with batch norms fitted to the training images",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.images is not None and self.factor is not None:
            raise ValueError("give either 'images' or 'factor', not both")
        if self.clicks != "all" and (self.clicks < 1 or self.clicks_in_all is not None):
            raise ValueError("give 'clicks' (from 1) or 'clicks_in_all', not both")
        unused = {"preset", "recipe", "pairs", "real_fraction"} & self.model_fields_set
        if self.source == "real" and unused:
            raise ValueError(f"no dual images are made from source 'real': leave out {unused}")
        if self.source == "mixed" and not self.real_fraction:
            raise ValueError("source 'mixed' needs a 'real_fraction' above 0")
        return self

    def image_count(self, base: int) -> int:
        """Return how many training images the arm has where an arm without a wish has `base`."""
        return self.images or max(1, round(base * (self.factor or 1.0)))


class Study(Table):
    """A whole study file."""

    study: Heading
    data: SerializeAsAny[DataSource]
    train: TrainTable
    arm: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [arm.name.casefold() for arm in self.arm]  # they become file names
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"two arms are named '{twice.pop()}': give one another name")
        return self

    @property
    def largest(self) -> int:
        """The number of training images of the arm that has most."""
        return max(arm.image_count(self.data.images) for arm in self.arm)
