"""The class of each pixel, where there are no separate objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.io.result_files import AREAS_FILE, CLASSES_FILE
from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.semantic import results


class SemanticRule(DecodingRule, extra="forbid"):
    """Channel 0 is the background, the next ones are the classes; the largest one counts."""

    kind: Literal["semantic"] = "semantic"


class Semantic(TaskInfo):
    """Semantic segmentation."""

    name = "semantic"
    implementation = "napari_synthseg.tasks.semantic.task:SemanticTask"
    title = "assign a class to each pixel"
    description = (
        "A network (U-Net) learns what each pixel belongs to, where there are no separate objects: "
        "phases, layers, membranes."
    )
    networks: ClassVar = {"unet": "U-Net"}
    network_kind = "pixels"
    rule_type = SemanticRule
    finds = "semantic"
    truth_kinds = ("semantic", "instance")
    truth_words = "true masks of regions or objects"
    marking = "regions"
    needs_objects = False
    # regions have no size of their own that a crop should hold: more and smaller crops of other
    # places teach more in the same time
    defaults: ClassVar = {"crop": 128, "batch_size": 8}
    heat_map_methods = ("gradcam", "gradcam++", "ablation")
    maps = True
    writes_masks = True
    tables = (AREAS_FILE, CLASSES_FILE)
    score_options = ("ignore", "tolerance")
    metrics = (
        "miou", "present_miou_per_image", "present_miou_pooled", "absent_rate", "dice",
        "boundary_f1", "pixel_accuracy",
    )  # fmt: skip
    class_metrics = (
        "iou", "dice", "precision", "recall", "boundary_f1", "share_true", "share_predicted",
    )  # fmt: skip
    writer = results.RegionWriter
    score_images = staticmethod(results.score_images)
    score_files = staticmethod(results.score_files)

    def describe_outputs(
        self, rule: DecodingRule, class_names: Mapping[int, str]
    ) -> tuple[tuple[str, ...], str]:
        """Return the names of the maps, and how they become regions."""
        names = ("background", *(class_names.get(v, str(v)) for v in rule.class_values))
        listed = ", ".join(f"{number} = {name}" for number, name in enumerate(names))
        return names, (
            f"Map by map the probability that a pixel is of a class ({listed}); they add up to 1. "
            "A pixel is of the class with the largest one.\n"
        )
