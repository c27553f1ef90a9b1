"""What a training is asked to do: task, network, data and limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.annotations import Frozen

Source = Literal["synthetic", "real", "mixed"]


class ModelSpec(Frozen):
    """Which network, and how large.

    `name` is looked up in `networks.registry`; without one the task chooses. `width` is the
    number of feature channels at full resolution, doubled at each of `depth` halvings. In a volume
    whose planes lie far apart, the first `flat` halvings leave z as it is. Detectors first reduce
    images by averaging squares of `reduce` pixels; without one the task chooses by the objects.
    """

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


class TrainSpec(Frozen):
    """What to train and for how long. Its fields are the form, the CLI flags and the record.

    `task` is the name of an installed task (see `tasks.registry`); another one is kept, but cannot
    be trained. Where `batch_size` or `crop` is None, the task's own default holds.
    """

    task: str = Field(default="segment", min_length=1)
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
    batch_size: int | None = Field(
        default=None, ge=1, le=256, description="crops in one batch; empty: what suits the task"
    )
    crop: int | None = Field(
        default=None,
        ge=32,
        le=2048,
        multiple_of=32,
        description="crop edge, pixels; empty: what suits the task",
    )
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
