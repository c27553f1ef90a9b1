"""The module of the click network: a small U-Net whose skips are added, not joined."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

CHANNELS = 5
"""Planes of a window: brightness, discriminant, click, other clicks, usual look."""

WIDTHS = (16, 32, 64, 128, 160)
"""Features from full resolution down, halved at every step."""


class ClickUNet(nn.Module):
    """Map windows (n, `CHANNELS`, y, x) to logits (n, y, x) of the object in the middle."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.enter = _convolution(CHANNELS, widths[0])
        self.down = nn.ModuleList()
        self.refine = nn.ModuleList()
        for above, below in pairwise(widths):
            self.down.append(_convolution(above, below, stride=2))
            self.refine.append(_Residual(below) if below > widths[1] else nn.Identity())
        self.bottom = _Residual(widths[-1])
        self.lateral = nn.ModuleList(
            nn.Conv2d(below, above, 1) for above, below in pairwise(widths)
        )
        self.merge = nn.ModuleList(_convolution(width, width) for width in widths[:-1])
        self.leave = nn.Conv2d(widths[0], 1, 1)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        features = self.enter(windows)
        skips = []
        for down, refine in zip(self.down, self.refine, strict=True):
            skips.append(features)
            features = refine(down(features))
        features = self.bottom(features)
        for level in reversed(range(len(skips))):
            below = self.lateral[level](features)
            above = nn.functional.interpolate(
                below, scale_factor=2.0, mode="bilinear", align_corners=False
            )
            features = self.merge[level](skips[level] + above)
        logits: torch.Tensor = self.leave(features)[:, 0]
        return logits


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = _convolution(width, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = features + self.convolution(features)
        return changed


def _convolution(inwards: int, outwards: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inwards, outwards, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outwards),
        nn.ReLU(inplace=True),
    )
