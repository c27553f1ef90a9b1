"""Scores that always say on what they were measured."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Scores(BaseModel):
    """Figures of merit, with what they were measured on.

    Attributes
    ----------
    task
        What was scored: "segment", "semantic" (the class of each pixel), "localize" (centers
        only), "detect" (boxes), "classify" (labels of images), "cam" (where heat maps point).
    measured_on
        "real" or "synthetic" images.
    images
        Names of the images.
    objects
        Number of true objects over those images; of true pixels that count, for "semantic".
    truth
        What the truth is: "masks", "clicks", ...
    values
        Name of the metric -> value, over all classes.
    per_class
        Name of the class -> name of the metric -> value.
    confusion
        Name of the true class -> name of the predicted class -> pixels, for "semantic".
    warnings
        What a reader must know before believing the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    measured_on: Literal["real", "synthetic"]
    images: tuple[str, ...]
    objects: int
    truth: str = "masks"
    run: str = ""
    values: dict[str, float]
    per_class: dict[str, dict[str, float]] = Field(default_factory=dict)
    confusion: dict[str, dict[str, int]] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def caption(self) -> str:
        """Return the sentence that must stand next to every figure shown."""
        images = self.images[0] if len(self.images) == 1 else f"{len(self.images)} images"
        objects = f"{self.objects} true objects ({self.truth})"
        if self.task == "classify":  # an image has labels, but nobody counted its objects
            objects = f"{self.objects} true {self.truth}"
        if self.task == "semantic":
            objects = f"{self.objects:,} true pixels ({self.truth})"
        return f"measured on {objects} of {images}, {self.measured_on}"


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


def metric_title(name: str) -> str:
    """Return a metric's name for people: "f1@0.5" -> "F1 at IoU 0.5"."""
    base, _, threshold = name.partition("@")
    kind = base.removesuffix(FOREGROUND)
    title = TITLES.get(kind, kind.replace("_", " "))
    if kind != base:
        title = f"{title}, without background"
    return f"{title} at IoU {threshold}" if threshold else title
