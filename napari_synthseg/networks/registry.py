"""Networks by name. A network is a function (spec, channels in, channels out) -> module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from napari_synthseg.core.specs import ModelSpec

if TYPE_CHECKING:
    from torch import nn


ModelBuilder = Callable[[ModelSpec, int, int], "nn.Module"]

Form = Literal["grid", "centers"]
"""How a detector says where boxes are: in the cells of a grid, or by a map of centers."""

MODELS: dict[str, ModelBuilder] = {}


def register_model(name: str) -> Callable[[ModelBuilder], ModelBuilder]:
    """Register a builder under `name`, for ``ModelSpec.name``."""

    def add(builder: ModelBuilder) -> ModelBuilder:
        MODELS[name] = builder
        return builder

    return add
