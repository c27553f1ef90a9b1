"""The class of each pixel, where there are no separate objects."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.semantic.rule import SemanticRule


class Semantic(TaskInfo):
    """Semantic segmentation."""

    name = "semantic"
    implementation = "napari_synthseg.tasks.semantic.task:SemanticTask"
    title = "tell regions apart"
    description = (
        "A U-Net learns what each pixel belongs to, where there are no separate objects: phases, "
        "layers, membranes."
    )
    networks: ClassVar = {"unet": "U-Net"}
    rule_type = SemanticRule
    truth_kinds = ("semantic", "instance")
    truth_words = "true masks of regions or objects"
    marking = "regions"
    needs_objects = False
    # regions have no size of their own that a crop should hold: more and smaller crops of other
    # places teach more in the same time
    defaults: ClassVar = {"crop": 128, "batch_size": 8}
    mask_type = np.uint8
    heat_map_methods = ("gradcam", "gradcam++", "ablation")
