"""How the outputs of a classifier are read."""

from typing import Literal

from pydantic import ConfigDict

from napari_synthseg.core.runs import DecodingRule


class ClassifyRule(DecodingRule):
    """A class is reported from its threshold (a probability) on.

    `field` is the shape of the fields, pixels, that images are looked at in; empty: whole images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["classify"] = "classify"
    thresholds: tuple[float, ...]
    field: tuple[int, ...] = ()
