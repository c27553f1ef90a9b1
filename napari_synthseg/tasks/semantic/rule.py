"""How the outputs of a semantic model are read."""

from typing import Literal

from pydantic import ConfigDict

from napari_synthseg.core.runs import DecodingRule


class SemanticRule(DecodingRule):
    """Channel 0 is the background, the next ones are the classes; the largest one counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["semantic"] = "semantic"
