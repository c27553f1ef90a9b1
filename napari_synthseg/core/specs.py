"""What a training is asked to do: task, network, data and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from napari_synthseg.core.annotations import Frozen
from napari_synthseg.core.described import Described, setting

TrainingSource = Literal["synthetic", "real", "mixed"]

PRETRAINED, SCRATCH = "pretrained", "scratch"
"""What a training begins with, if not with a run."""


@dataclass(frozen=True)
class Device:
    """What can be computed on.

    Attributes
    ----------
    name
        As in `TrainSpec.device`.
    title
        What it is, for people.
    problem
        Why it cannot be used; empty where it can.
    """

    name: str
    title: str
    problem: str = ""


class ModelSpec(Frozen):
    """Which network, and how large.

    `name` is looked up in `networks.registry`; without one the task chooses. `width` is the
    number of feature channels at full resolution, doubled at each of `depth` halvings. In a volume
    whose planes lie far apart, the first `flat` halvings leave z as it is. Detectors first reduce
    images by averaging squares of `reduce` pixels; without one the task chooses by the objects.
    """

    name: str = ""
    width: int = Field(8, ge=4, le=256)
    depth: int = Field(4, ge=1, le=6)
    spatial_dims: Literal[2, 3] = 2
    flat: int = Field(0, ge=0, le=6)
    reduce: int | None = Field(None, ge=1, le=32)

    @property
    def multiple(self) -> tuple[int, ...]:
        """What extents ([z,] y, x) must be multiples of, pixels."""
        in_plane = 2**self.depth
        if self.spatial_dims == 2:
            return in_plane, in_plane
        return int(2 ** max(self.depth - self.flat, 0)), in_plane, in_plane


class TrainSpec(Described):
    """What to train and for how long. Its fields are the form, the CLI flags and the record.

    `task` is the name of an installed task (see `tasks.registry`); another one is kept, but cannot
    be trained; empty: the task that users are offered first. Where `batch_size` or `crop` is None,
    the task's own default holds.
    """

    task: str = ""
    """name of a task; empty: the one that users are offered first"""
    source: TrainingSource = setting(
        "synthetic",
        "Learn from (source)",
        {
            "synthetic": "dual images (synthetic)",
            "real": "real images with their truth (real)",
            "mixed": "both (mixed)",
        },
    )
    """dual images, real images with ground truth, or both (see real_fraction)"""
    minutes: float | None = setting(4.0, unset="no limit", gt=0)
    """time limit in minutes"""
    steps: int | None = setting(None, unset="no limit", ge=1)
    """limit of steps, each of which learns from one batch; wins over the time"""
    pairs: int | None = setting(None, "Different pairs", ge=1)
    """distinct dual images, used in turn; empty: endless, or as many as are enough where drawing
    them takes long"""
    start: str | None = None
    """what the network begins with: pretrained (the weights, all that a network has learned, that
    ship with the plugin), scratch (nothing), or the name of a run; empty: pretrained where weights
    ship for the network"""
    real_fraction: float | None = setting(None, "Real share (fraction)", ge=0.0, le=1.0)
    """share of real crops: with ground truth where the source is mixed, else of clicked images
    with the masks found; empty: as many of these as leave too little background for a canvas"""
    batch_size: int | None = setting(None, ge=1, le=256)
    """how many crops, pieces of images, make a batch, from which a step learns; more need more
    memory; empty: what suits the task"""
    crop: int | None = setting(None, "Edge of pieces (crop)", ge=32, le=2048, multiple_of=32)
    """edge of the pieces that are cut out of images to learn from (crops), pixels; larger ones need
    more memory; empty: what suits the task"""
    volume_batch: int = Field(2, ge=1, le=64)
    """volumes: crops in one batch"""
    volume_crop: int = Field(64, ge=16, le=512, multiple_of=16)
    """volumes: crop edge (y, x), pixels"""
    volume_planes: int = Field(24, ge=1, le=512)
    """volumes: planes of a crop, at most"""
    working_diameter: float = Field(24.0, ge=0, le=200)
    """outlines of objects: images are enlarged or shrunk so that the usual object of the smallest
    class is so many pixels wide; 0: images as they are"""
    size_boxes: bool = setting(True, "Boxes by diameter")
    """boxes of dual images: as large as the class's diameter says, where that is near what the
    masks say"""
    class_balance: float = Field(0.5, ge=0.0, le=1.0)
    """regions: how much more rare classes weigh; 0 as frequent, 1 all the same"""
    learning_rate: float = Field(2e-3, gt=0)
    """how much a step changes the network, at most (the peak of the learning rate); where the error
    jumps up and down, take less"""
    validation_fraction: float = setting(0.2, "Held out (validation)", ge=0.0, le=0.5)
    """share that is not learned from, but held out to choose the best state of the network (its
    weights)"""
    seed: int = setting(0, "Random seed", ge=0)
    """another seed gives other random numbers: for the network's first weights, the order of what
    it learns from, and how that is turned, scaled and lit (augmentation)"""
    device: str = "auto"
    """auto, cpu, cuda or mps"""
    model: ModelSpec = ModelSpec()
