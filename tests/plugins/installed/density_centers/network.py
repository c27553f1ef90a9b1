"""A network without halvings: convolutions that look farther and farther."""

from torch import nn

from napari_synthseg.core.specs import ModelSpec


def build_dilated(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
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
