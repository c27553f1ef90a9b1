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
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.detect.centers import SIZE_MAPS, center_loss, make_maps, read_maps
from napari_synthseg.tasks.detect.yolo import FIELDS, grid_loss, make_grid, read_grid
from napari_synthseg.training.crop_boxes import ShownBoxes


@dataclass(frozen=True)
class DetectionHead:
    """One way.

    Attributes
    ----------
    anchors
        How many sizes objects are grouped into.
    outputs
        Outputs of an anchor beside those of the classes.
    encode
        Gives what is learned from the boxes of a crop; see `make_grid`.
    measure_loss
        Error of an output, with what `encode` gave (batch first).
    read
        Turns the output for one image into boxes, the best first; see `read_grid`.
    """

    anchors: int
    outputs: int
    encode: Callable[
        [ShownBoxes, tuple[int, ...], DetectRule, NDArray[np.bool_] | None],
        tuple[NDArray[Any], ...],
    ]
    measure_loss: Callable[..., torch.Tensor]
    read: Callable[[FloatImage, DetectRule, float], Boxes]


FORMS: dict[Form, DetectionHead] = {
    "grid": DetectionHead(5, FIELDS, make_grid, grid_loss, read_grid),  # 5 as in YOLOv2
    "centers": DetectionHead(1, SIZE_MAPS, make_maps, center_loss, read_maps),
}
