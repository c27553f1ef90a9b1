"""A network without halvings: convolutions that look farther and farther."""

from torch import nn


def build_dilated(spec, in_channels, out_channels):
    layers, width = [], spec.width
    for dilation in (1, 2, 4, 8):
        layers += [
            nn.Conv2d(in_channels, width, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        in_channels = width
    return nn.Sequential(*layers, nn.Conv2d(width, out_channels, 1))
