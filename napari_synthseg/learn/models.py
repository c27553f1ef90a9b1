"""The networks, by name. A model is a function (spec, channels in, channels out) -> module."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    from napari_synthseg.learn import classifiers  # noqa: F401 - registers its networks

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

    halvings: list[Any] = [_halving(spec, level) for level in range(spec.depth)]
    net: nn.Module = UNet(
        spatial_dims=spec.spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=tuple(spec.width * 2**level for level in range(spec.depth + 2)),
        strides=(1, *halvings),
        num_res_units=0,
        norm="batch",
        act="relu",
    )
    return net


def _halving(spec: ModelSpec, level: int) -> int | tuple[int, ...]:
    return (1, 2, 2) if spec.spatial_dims == 3 and level < spec.flat else 2


@lru_cache(maxsize=32)
def receptive_radius(spec: ModelSpec) -> tuple[int, ...]:
    """Return how far, in pixels along each axis, an input pixel can influence the output.

    Measured, not derived: the farthest input pixel with a gradient on one central output pixel,
    with the weights set so that no path cancels or dies. Along one axis after the other, on a
    field that is narrow along the others.
    """
    import torch

    net = build_model(spec, 1, 1).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.01)
    return tuple(_radius_along(net, axis, spec.multiple) for axis in range(spec.spatial_dims))


def _radius_along(net: nn.Module, axis: int, multiple: tuple[int, ...]) -> int:
    import torch

    step = multiple[axis]
    extent = [32 * m if i == axis else m for i, m in enumerate(multiple)]
    extent[axis] = max(extent[axis], 128)
    reach = 0
    for offset in (0, step - 1):
        image = torch.ones((1, 1, *extent), requires_grad=True)
        center = [n // 2 for n in extent]
        center[axis] += offset
        (gradient,) = torch.autograd.grad(net(image)[(0, 0, *center)], image)
        touched = gradient[0, 0].abs().gt(0).nonzero()[:, axis]
        reach = max(reach, int((touched - center[axis]).abs().max()))
    return reach
