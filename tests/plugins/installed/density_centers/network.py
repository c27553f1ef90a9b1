"""A network without halvings: convolutions that look farther and farther."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import Network

if TYPE_CHECKING:
    from torch import nn


def build_dilated(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    from torch import nn  # here, so that a list of networks is quick

    layers: list[nn.Module] = []
    width = spec.width
    for dilation in (1, 2, 4, 8):
        layers += [
            nn.Conv2d(in_channels, width, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        in_channels = width
    return nn.Sequential(*layers, nn.Conv2d(width, out_channels, 1))


DILATED = Network(build_dilated, "Dilated convolutions", kind="pixels")
