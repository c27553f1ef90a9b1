"""Each object's pixels and class, apart from its neighbors."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.segment import results


class SegmentRule(DecodingRule, extra="forbid"):
    """How network outputs become objects; chosen on the held-out part.

    Attributes
    ----------
    foreground
        Smallest probability of "some object" for a pixel to belong to one.
    prominence
        How far the inner distance must fall on every way from one core to the next for them to be
        two objects; the height of the core itself does not matter.
    minimum_area
        Smallest number of pixels of an object.
    minimum_score
        Smallest score of an object that is reported.
    """

    kind: Literal["segment"] = "segment"
    foreground: float = 0.5
    prominence: float = 0.1
    minimum_area: int = 8
    minimum_score: float = 0.0


class Segment(TaskInfo):
    """Instance segmentation."""

    name = "segment"
    implementation = "napari_synthseg.tasks.segment.task:SegmentTask"
    title = "outline each object"
    description = "A U-Net learns to outline every object and to tell the classes apart."
    networks: ClassVar = {"unet": "U-Net"}
    network_kind = "pixels"
    rule_type = SegmentRule
    truth_kinds = ("instance",)
    truth_words = "true masks"
    heat_map_methods = ("gradcam", "gradcam++", "ablation")
    scaled = True
    writes_masks = True
    score_options = ()
    metrics = (
        "f1@0.5", "f1@0.7", "f1@0.8", "precision@0.5", "recall@0.5", "matching_ap@0.5",
        "matching_ap_mean@0.5", "dice", "count_error",
    )  # fmt: skip
    write_predictions = staticmethod(results.write_predictions)
    score_images = staticmethod(results.score_images)
    score_files = staticmethod(results.score_files)
