"""Building the network that a spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import MODELS

if TYPE_CHECKING:
    from torch import nn


def build_model(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network that `spec` names, with fresh weights.

    The module maps (batch, in_channels, [z,] y, x) to (batch, out_channels, [z,] y, x); spatial
    extents are multiples of ``2 ** spec.depth``.

    Raises
    ------
    InputError
        If no network has that name.
    """
    from napari_synthseg.networks import classifiers, detectors, unet  # noqa: F401 - register networks

    if spec.name not in MODELS:
        raise InputError(f"There is no network '{spec.name}': choose {', '.join(MODELS)}.")
    return MODELS[spec.name](spec, in_channels, out_channels)
