"""Scores that always say on what they were measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from napari_synthseg.core.annotations import Frozen

Measured = Literal["real", "synthetic"]


def describe_images(names: Sequence[str], kind: str) -> str:
    """Return how many images of a kind there are, or the name of the only one."""
    if len(names) != 1:
        return f"{len(names)} {kind} images"
    name = re.sub(r"^image (?=\d+$)", "", names[0])  # images that have no name are numbered
    return f"the {kind} image {name}"


@dataclass(frozen=True)
class ScoringOptions:
    """How files are scored; what is scored says which of these it takes.

    Attributes
    ----------
    measured_on
        Whether the images are real or synthetic.
    ignore
        Names of classes whose truth is incomplete; of regions, the class, or its value, that takes
        true pixels out of all counts.
    threshold
        Smallest score that counts.
    max_detections
        Number of boxes per image and class that average precision ranks.
    tolerance
        How far off a place or a boundary may lie.
    """

    measured_on: Measured = "real"
    ignore: tuple[str, ...] = ()
    threshold: float | None = None
    max_detections: int | None = None
    tolerance: float | None = None


class Scores(Frozen):
    """Figures of merit, with what they were measured on.

    Attributes
    ----------
    task
        What was scored: the name of the task, which its scoring fills in; "localize" (centers only)
        or "cam" (where heat maps point).
    measured_on
        "real" or "synthetic" images.
    images
        Names of the images.
    objects
        Number of true objects over those images, or of what else is `counted`.
    truth
        What the truth is: "masks", "clicks", ...
    counted
        What `objects` is the number of: pixels that count, or labels of images, which nobody has
        counted objects on. Records of the first versions do not say it.
    values
        Name of the metric -> value, over all classes.
    per_class
        Name of the class -> name of the metric -> value.
    confusion
        Name of the true class -> name of the predicted class -> pixels, for "semantic".
    warnings
        What a reader must know before believing the values.
    """

    task: str = ""
    measured_on: Measured
    images: tuple[str, ...]
    objects: int
    truth: str = "masks"
    counted: Literal["objects", "pixels", "labels"] = "objects"
    run: str = ""
    values: dict[str, float]
    per_class: dict[str, dict[str, float]] = Field(default_factory=dict)
    confusion: dict[str, dict[str, int]] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of_task(self, name: str) -> Scores:
        """Return the scores under the name of a task, unless they say what was scored."""
        return self.model_copy(update={"task": self.task or name})

    def caption(self) -> str:
        """Return the sentence that must stand next to every figure shown."""
        images = describe_images(self.images, self.measured_on)
        number = f"{self.objects:,}" if self.counted == "pixels" else f"{self.objects}"
        kind = self.truth if self.counted == "labels" else f"{self.counted} ({self.truth})"
        return f"measured on {number} true {kind} of {images}"

    @model_validator(mode="before")
    @classmethod
    def _say_what_was_counted(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "counted" in data:
            return data
        labels = data.get("truth") == "image labels"
        counted = "pixels" if data.get("confusion") else "labels" if labels else "objects"
        return {**data, "counted": counted}


TITLES = {
    "f1": "F1",
    "dice": "Dice",
    "f1_mean": "F1 (mean of classes)",
    "ap": "AP",
    "pixel_ap": "pixel AP",
    "max_box_acc_v2": "MaxBoxAccV2",
    "max_box_acc_v2_largest": "MaxBoxAccV2, largest part",
    "peak_f1": "peak F1",
    "matching_ap": "AP (pooled)",
    "matching_ap_mean": "AP (mean of images)",
    "iou": "IoU",
    "miou": "mIoU (standard)",
    "present_miou_per_image": "mIoU of classes present in each image's truth (mean of images)",
    "present_miou_pooled": "mIoU of classes present in any image's truth (pooled)",
    "absent_rate": "pixels given to classes absent from the image's truth",
    "boundary_f1": "boundary F1",
}

FOREGROUND = "_foreground"
"""Ends the name of a metric over all classes but the background."""

CHANCE = "_chance"
"""Ends the name of what a metric would be by chance."""


def metric_title(name: str) -> str:
    """Return a metric's name for people: "f1@0.5" -> "F1 at IoU 0.5"."""
    base, _, threshold = name.partition("@")
    kind = base.removesuffix(FOREGROUND).removesuffix(CHANCE)
    title = TITLES.get(kind, kind.replace("_", " "))
    if base.endswith(FOREGROUND):
        title = f"{title}, without background"
    if base.endswith(CHANCE):
        title = f"{title}, by chance"
    return f"{title} at IoU {threshold}" if threshold else title
