"""Each object's pixels and class, apart from its neighbors."""

from __future__ import annotations

from typing import ClassVar

from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.segment import files, scoring
from napari_synthseg.tasks.segment.rule import SegmentRule


class Segment(TaskInfo):
    """Instance segmentation."""

    name = "segment"
    implementation = "napari_synthseg.tasks.segment.task:SegmentTask"
    title = "outline each object"
    description = "A U-Net learns to outline every object and to tell the classes apart."
    networks: ClassVar = {"unet": "U-Net"}
    rule_type = SegmentRule
    truth_kinds = ("instance",)
    truth_words = "true masks"
    heat_map_methods = ("gradcam", "gradcam++", "ablation")
    writes_masks = True
    metrics = (
        "f1@0.5", "f1@0.7", "f1@0.8", "precision@0.5", "recall@0.5", "matching_ap@0.5",
        "matching_ap_mean@0.5", "dice", "count_error",
    )  # fmt: skip
    write_predictions = staticmethod(files.write_predictions)
    score_images = staticmethod(scoring.score_images)
    score_files = staticmethod(scoring.score_files)
