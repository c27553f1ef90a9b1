"""A box round each object and its class, without its outline."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.io.result_files import CANDIDATES_FILE, OBJECTS_FILE
from napari_synthseg.networks.registry import Form
from napari_synthseg.tasks.data import PairChange
from napari_synthseg.tasks.detect import results
from napari_synthseg.tasks.info import TaskInfo


class DetectRule(DecodingRule, extra="forbid"):
    """How a detector's output becomes boxes; `spacing` stays empty, as there are images only.

    Attributes
    ----------
    anchors
        Heights and widths, pixels, one after the other: h1, w1, h2, w2, ...
    stride
        Pixels of the image for one of the output.
    thresholds
        Smallest score of a box that is reported, for each class.
    overlap
        Largest IoU of two boxes of a class.
    form
        "grid": boxes by cell and anchor (see `yolo`); "centers": by the peaks of a map of centers,
        with one anchor (see `centers`).
    """

    kind: Literal["detect"] = "detect"
    anchors: tuple[float, ...]
    stride: int
    thresholds: tuple[float, ...]
    overlap: float = 0.45
    form: Form = "grid"

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Heights and widths of the anchors, shape (anchor, 2), pixels."""
        return np.array(self.anchors, float).reshape(-1, 2)


READING_GRID = """\
One place of the maps stands for a cell of {stride} by {stride} pixels. There are {outputs} maps
for each of {count} anchors, in this order: y, x, height, width, object, then the classes
({classes}). Heights and widths of the anchors, in pixels: {sizes}.

The middle of the box lies at (row + sigmoid(y), column + sigmoid(x)) times {stride}; its height and
width are those of the anchor times exp(height) and exp(width), the exponents limited to log 8. The
score of a class is sigmoid(object) times the softmax over the classes. Boxes are reported from
these scores on: {least}; of boxes of a class with an IoU above {overlap:g} the best is kept.
"""

READING_CENTERS = """\
One place of the maps stands for {stride} by {stride} pixels. The first maps are those of the
classes ({classes}), the last two height and width.

The sigmoid of a class's map is the score; there is a box at each place that is as large as its
eight neighbors. Its middle is that of the place, its height and width {sizes} pixels times
exp(height) and exp(width), the exponents limited to log 8. Boxes are reported from these scores on:
{least}; of boxes of a class with an IoU above {overlap:g} the best is kept.
"""


class Detect(TaskInfo):
    """Boxes, in the form of the network: YOLOv2's grid with anchors, or a map of centers."""

    name = "detect"
    implementation = "napari_synthseg.tasks.detect.task:DetectTask"
    title = "draw a box around each object"
    description = (
        "A network (detector) learns where objects are and of which class, without their outlines. "
        "Faster."
    )
    networks: ClassVar = {
        "yolo": "YOLOv2, light",
        "darknet19": "YOLOv2 on Darknet-19: slow without a GPU",
        "centers": "U-Net with a map of centers",
    }
    network_kind = "detector"
    rule_type = DetectRule
    finds = "boxes"
    truth_kinds = ("boxes", "instance")
    truth_words = "true boxes or masks"
    tables = (OBJECTS_FILE, CANDIDATES_FILE)
    score_options = ("ignore", "threshold", "max_detections")
    metrics = (
        "ap@0.5", "ap@0.5:0.95", "f1@0.5", "precision@0.5", "recall@0.5", "found", "missed",
        "false",
    )  # fmt: skip
    writer = results.BoxWriter
    score_images = staticmethod(results.score_images)
    score_files = staticmethod(results.score_files)

    def describe_outputs(
        self, rule: DecodingRule, class_names: Mapping[int, str]
    ) -> tuple[tuple[str, ...], str]:
        """Return how outputs become boxes."""
        assert isinstance(rule, DetectRule)
        names = [class_names.get(value, str(value)) for value in rule.class_values]
        least = zip(names, rule.thresholds, strict=True)
        reading = READING_GRID if rule.form == "grid" else READING_CENTERS
        return (), reading.format(
            stride=rule.stride, overlap=rule.overlap, count=len(rule.sizes),
            outputs=5 + len(names), classes=", ".join(names),
            sizes=", ".join(f"{height:.3g} by {width:.3g}" for height, width in rule.sizes),
            least=", ".join(f"{name} {threshold:g}" for name, threshold in least),
        )  # fmt: skip

    def fit_labels(self, spec: TrainSpec, library: PatchLibrary) -> PairChange:
        """Let boxes be as large as the class's diameter says, where that is asked for."""
        if not spec.size_boxes:
            return super().fit_labels(spec, library)
        from napari_synthseg.tasks.detect.box_scale import measure_box_scale, with_box_scale

        return partial(with_box_scale, scale=measure_box_scale(library))
