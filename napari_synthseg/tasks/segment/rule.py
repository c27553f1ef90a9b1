"""How the outputs of an instance segmentation are read."""

from typing import Literal

from pydantic import ConfigDict

from napari_synthseg.core.runs import DecodingRule


class SegmentRule(DecodingRule):
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

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["segment"] = "segment"
    foreground: float = 0.5
    prominence: float = 0.1
    minimum_area: int = 8
    minimum_score: float = 0.0
