"""What must be known to read a detector's output; chosen for a run and kept with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_synthseg.networks.registry import Form
from napari_synthseg.training.crop_boxes import Floats

SHOWN = 0.5
"""Share of an object from which its box is learned; of less nothing is."""


@dataclass(frozen=True)
class DetectRule:
    """How a detector's output becomes boxes.

    Attributes
    ----------
    class_values
        Class value of each class output.
    diameter
        Typical diameter of an object, pixels.
    anchors
        Heights and widths, pixels, one after the other: h1, w1, h2, w2, ...
    stride
        Pixels of the image for one of the output.
    thresholds
        Smallest score of a box that is reported, for each class.
    overlap
        Largest IoU of two boxes of a class.
    spacing
        Empty: images only.
    form
        "grid": boxes by cell and anchor (see `yolo`); "centers": by the peaks of a map of centers,
        with one anchor (see `centers`).
    """

    class_values: tuple[int, ...]
    diameter: float
    anchors: tuple[float, ...]
    stride: int
    thresholds: tuple[float, ...]
    overlap: float = 0.45
    spacing: tuple[float, ...] = ()
    form: Form = "grid"

    @property
    def sizes(self) -> Floats:
        """Heights and widths of the anchors, shape (anchor, 2), pixels."""
        return np.array(self.anchors, float).reshape(-1, 2)
