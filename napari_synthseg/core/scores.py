"""Scores that always say on what they were measured."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Scores(BaseModel):
    """Figures of merit, with what they were measured on.

    Attributes
    ----------
    task
        What was scored: "segment", "localize" (centers only), "detect" (boxes), "classify"
        (labels of images), "cam" (where heat maps point).
    measured_on
        "real" or "synthetic" images.
    images
        Names of the images.
    objects
        Number of true objects over those images.
    truth
        What the truth is: "masks", "clicks", ...
    values
        Name of the metric -> value, over all classes.
    per_class
        Name of the class -> name of the metric -> value.
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
    warnings: tuple[str, ...] = ()

    def caption(self) -> str:
        """Return the sentence that must stand next to every figure shown."""
        images = self.images[0] if len(self.images) == 1 else f"{len(self.images)} images"
        objects = f"{self.objects} true objects ({self.truth})"
        if self.task == "classify":  # an image has labels, but nobody counted its objects
            objects = f"{self.objects} true {self.truth}"
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
}


def metric_title(name: str) -> str:
    """Return a metric's name for people: "f1@0.5" -> "F1 at IoU 0.5"."""
    base, _, threshold = name.partition("@")
    title = TITLES.get(base, base.replace("_", " "))
    return f"{title} at IoU {threshold}" if threshold else title
