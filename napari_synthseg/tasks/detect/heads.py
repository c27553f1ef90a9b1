"""The two forms of a detector's output, behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.networks.registry import Form
from napari_synthseg.tasks.detect.centers import SIZE_MAPS, center_loss, make_maps, read_maps
from napari_synthseg.tasks.detect.rule import DetectRule
from napari_synthseg.tasks.detect.yolo import FIELDS, grid_loss, make_grid, read_grid
from napari_synthseg.training.crop_boxes import ShownBoxes


@dataclass(frozen=True)
class DetectionHead:
    """One way.

    Attributes
    ----------
    anchors
        How many sizes objects are grouped into.
    count_outputs
        Outputs that the network needs for a number of classes.
    encode
        Gives what is learned from the boxes of a crop; see `make_grid`.
    measure_loss
        Error of an output, with what `encode` gave (batch first) and the number of classes.
    read
        Turns the output for one image into boxes; see `read_grid`.
    """

    anchors: int
    count_outputs: Callable[[int, int], int]
    encode: Callable[
        [ShownBoxes, tuple[int, int], DetectRule, NDArray[np.bool_] | None],
        tuple[NDArray[Any], ...],
    ]
    measure_loss: Callable[[torch.Tensor, tuple[torch.Tensor, ...], int], torch.Tensor]
    read: Callable[[FloatImage, DetectRule, float], Boxes]


FORMS: dict[Form, DetectionHead] = {
    "grid": DetectionHead(
        anchors=5,  # as in YOLOv2
        count_outputs=lambda anchors, classes: anchors * (FIELDS + classes),
        encode=make_grid,
        measure_loss=lambda output, targets, classes: grid_loss(
            output, targets[0], targets[1], classes
        ),
        read=read_grid,
    ),
    "centers": DetectionHead(
        anchors=1,
        count_outputs=lambda anchors, classes: classes + SIZE_MAPS,
        encode=make_maps,
        measure_loss=lambda output, targets, classes: center_loss(output, *targets),
        read=read_maps,
    ),
}


def read_boxes(output: FloatImage, rule: DetectRule, least: float = 0.01) -> Boxes:
    """Turn a detector's output for one image into boxes, the best first; see `read_grid`."""
    return FORMS[rule.form].read(output, rule, least)
