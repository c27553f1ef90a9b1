"""The networks, by name. A model is a function (spec, channels in, channels out) -> module."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.training import ModelSpec

if TYPE_CHECKING:
    from torch import nn

ModelBuilder = Callable[[ModelSpec, int, int], "nn.Module"]

MODELS: dict[str, ModelBuilder] = {}


def register_model(name: str) -> Callable[[ModelBuilder], ModelBuilder]:
    """Register a builder under `name`, for ``ModelSpec.name``."""

    def add(builder: ModelBuilder) -> ModelBuilder:
        MODELS[name] = builder
        return builder

    return add


def build_model(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network that `spec` names, with fresh weights.

    The module maps (batch, in_channels, [z,] y, x) to (batch, out_channels, [z,] y, x); spatial
    extents are multiples of ``2 ** spec.depth``.

    Raises
    ------
    InputError
        If no network has that name.
    """
    if spec.name not in MODELS:
        raise InputError(f"There is no network '{spec.name}': choose {', '.join(MODELS)}.")
    return MODELS[spec.name](spec, in_channels, out_channels)


@register_model("unet")
def _unet(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's U-Net, narrow at full resolution, without residual units.

    A few features at full resolution cost little and keep small touching objects apart, which a
    first convolution that halves the resolution does not. One convolution a level: in the minutes
    that a CPU has, more steps of a lighter net get further than fewer of a heavier one. Residual
    units would also end in a rectified layer of as many features as there are outputs, and an
    output whose feature dies there is never learned.
    """
    from monai.networks.nets.unet import UNet

    net: nn.Module = UNet(
        spatial_dims=spec.spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=tuple(spec.width * 2**level for level in range(spec.depth + 2)),
        strides=(1,) + (2,) * spec.depth,
        num_res_units=0,
        norm="batch",
        act="relu",
    )
    return net


@lru_cache(maxsize=32)
def receptive_radius(spec: ModelSpec) -> int:
    """Return how far, in pixels, an input pixel can influence the output.

    Measured, not derived: the farthest input pixel with a gradient on one central output pixel,
    with the weights set so that no path cancels or dies.
    """
    import torch

    net = build_model(spec, 1, 1).eval()
    step = 2**spec.depth
    extent = 32 * step
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.01)
    reach = 0
    for offset in (0, step - 1):
        image = torch.ones((1, 1) + (extent,) * spec.spatial_dims, requires_grad=True)
        center = (0, 0) + (extent // 2 + offset,) * spec.spatial_dims
        (gradient,) = torch.autograd.grad(net(image)[center], image)
        touched = gradient[0, 0].abs().gt(0).nonzero()
        position = torch.tensor(center[2:])
        reach = max(reach, int((touched - position).abs().max()))
    return reach
