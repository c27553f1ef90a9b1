"""Networks that say where boxes are: in the cells of a coarse grid, or by a map of centers.

The grid has the form of YOLOv2 (Redmon and Farhadi, "YOLO9000: better, faster, stronger", 2017):
convolutions with batch norm and leaky rectifiers, and a passthrough that lays finer features, four
pixels in one, beside the coarse ones.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import Form, register_network
from napari_synthseg.networks.unet import unet

NEGATIVE_SLOPE = 0.1
"""Of the rectifiers, below 0."""


class Detector(nn.Module):
    """Maps images (batch, channel, y, x) to outputs (batch, output, y, x) of a coarse grid.

    Attributes
    ----------
    form
        How outputs are meant; see `tasks.detect.heads`.
    stride, multiple
        Pixels of the image for one of the output, and what extents must be multiples of.
    """

    form: Form
    stride: int
    multiple: int


class Reduced(Detector):
    """A detector of images that are made smaller first, by averaging squares of pixels."""

    def __init__(self, detector: Detector, factor: int) -> None:
        super().__init__()
        self.detector, self.factor = detector, factor
        self.form: Form = detector.form
        self.stride, self.multiple = detector.stride * factor, detector.multiple * factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return outputs for images as they are given."""
        result: torch.Tensor = self.detector(nn.functional.avg_pool2d(images, self.factor))
        return result


class GridDetector(Detector):
    """Fine features, coarse features made of them, and both together to the outputs of each cell.

    `stride` is the edge of a cell.
    """

    form: Form = "grid"

    def __init__(
        self, fine: nn.Module, coarse: nn.Module, skip: nn.Module, head: nn.Module, stride: int
    ) -> None:
        super().__init__()
        self.fine, self.coarse, self.skip, self.head = fine, coarse, skip, head
        self.stride = self.multiple = stride

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the outputs of each cell."""
        fine = self.fine(images)
        beside = nn.functional.pixel_unshuffle(self.skip(fine), 2)
        result: torch.Tensor = self.head(torch.cat([beside, self.coarse(fine)], dim=1))
        return result


class CenterDetector(Detector):
    """A U-Net whose output is averaged over squares of `stride` pixels."""

    form: Form = "centers"
    stride = 2

    def __init__(self, net: nn.Module, multiple: int) -> None:
        super().__init__()
        self.net, self.multiple = net, multiple

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the averaged output."""
        result: torch.Tensor = nn.functional.avg_pool2d(self.net(images), self.stride)
        return result


def _reduced(detector: Detector, spec: ModelSpec) -> Detector:
    factor = spec.reduce or 1
    return Reduced(detector, factor) if factor > 1 else detector


def _conv(before: int, after: int, kernel: int = 3, apart: int = 1) -> nn.Sequential:
    around = kernel // 2 * apart
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, padding=around, dilation=apart, bias=False),
        nn.BatchNorm2d(after),
        nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True),
    )


def _halve() -> nn.Module:
    return nn.MaxPool2d(2)


@register_network("yolo")
def _yolo(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build a light detector with cells of 16 pixels.

    With the default width of 8 it takes less than a thousand million multiplications for an image
    of 416x416 pixels. Cells half as wide as those of the original suit biological cells and
    particles, of which many are small.
    """
    w = 2 * spec.width
    fine = nn.Sequential(
        _conv(in_channels, w), _halve(), _conv(w, 2 * w), _halve(), _conv(2 * w, 4 * w), _halve(),
        _conv(4 * w, 8 * w),
    )  # fmt: skip
    # spread out, two convolutions see as far as objects of 200 pixels reach
    coarse = nn.Sequential(_halve(), _conv(8 * w, 8 * w, apart=2), _conv(8 * w, 8 * w, apart=4))
    head = nn.Sequential(_conv(12 * w, 8 * w, 1), nn.Conv2d(8 * w, out_channels, 1))
    return _reduced(GridDetector(fine, coarse, _conv(8 * w, w, 1), head, 16), spec)


@register_network("darknet19")
def _darknet19(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build YOLOv2 on Darknet-19, with cells of 32 pixels and without weights from elsewhere."""

    def stage(before: int, after: int, count: int) -> list[nn.Module]:
        layers: list[nn.Module] = [_conv(before, after)]
        for _ in range(count // 2):
            layers += [_conv(after, after // 2, 1), _conv(after // 2, after)]
        return layers

    fine = nn.Sequential(
        _conv(in_channels, 32), _halve(), _conv(32, 64), _halve(),
        *stage(64, 128, 3), _halve(), *stage(128, 256, 3), _halve(), *stage(256, 512, 5),
    )  # fmt: skip
    coarse = nn.Sequential(_halve(), *stage(512, 1024, 5), _conv(1024, 1024), _conv(1024, 1024))
    head = nn.Sequential(_conv(1024 + 256, 1024), nn.Conv2d(1024, out_channels, 1))
    return _reduced(GridDetector(fine, coarse, _conv(512, 64, 1), head, 32), spec)


@register_network("centers")
def _centers(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build the U-Net of segmentation with a map of centers for each class as its output."""
    net = unet(spec, in_channels, out_channels)
    return _reduced(CenterDetector(net, 2**spec.depth), spec)
