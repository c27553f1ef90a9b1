"""Each object's pixels and class, apart from its neighbors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from napari_synthseg.tasks.info import TaskInfo
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
    mask_type = np.int32
    heat_map_methods = ("gradcam", "gradcam++", "ablation")
