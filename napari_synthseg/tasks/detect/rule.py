"""How the outputs of a detector are read."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.networks.registry import Form

MIN_SHARE_SHOWN = 0.5
"""Share of an object from which its box is learned; of less nothing is."""


class DetectRule(DecodingRule):
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

    model_config = ConfigDict(frozen=True, extra="forbid")
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
