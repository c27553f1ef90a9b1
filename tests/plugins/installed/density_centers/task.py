"""A task: the center of each object, as the peaks of a map; what is known of it without torch."""

from typing import ClassVar, Literal

from pydantic import ConfigDict

from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.tasks.info import TaskInfo


class CountRule(DecodingRule):
    """How peaks are read; `threshold` is the smallest height of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["count"] = "count"
    threshold: float = 0.5


class Count(TaskInfo):
    name = "count"
    implementation = "density_centers.training:CountTask"
    title = "count objects by their centers"
    description = "A network learns a map with a peak at the center of each object."
    networks: ClassVar = {"dilated": "Dilated convolutions", "unet": "U-Net"}
    rule_type = CountRule
    finds = "points"
    truth_kinds = ()
    truth_words = "clicks"
    defaults: ClassVar = {"crop": 96, "batch_size": 4}
