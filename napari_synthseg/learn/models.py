"""The networks, by name. A model is a function (spec, channels in, channels out) -> module."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
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
    from napari_synthseg.learn import classifiers, detectors  # noqa: F401 - register networks

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
    """Return how far, in pixels along each axis, an input pixel can influence the output."""
    return measure_radius(build_model(spec, 1, 1), 1, spec.multiple)


def measure_radius(net: nn.Module, channels: int, multiple: tuple[int, ...]) -> tuple[int, ...]:
    """Measure how far, in pixels along each axis, an input pixel can influence the output.

    Measured, not derived: the farthest input pixel with a gradient on one central output pixel,
    with the weights set so that no path cancels or dies. Along one axis after the other, on a
    field that is narrow along the others.

    Parameters
    ----------
    net
        Maps (batch, channel, [z,] y, x) to maps of the same or a lower resolution. It is not
        changed.
    channels
        Channels that it takes.
    multiple
        What extents must be multiples of, pixels.
    """
    import torch

    probe = deepcopy(net).cpu().eval()
    with torch.no_grad():
        for name, parameter in probe.named_parameters():
            if parameter.ndim > 1:  # averages: signals neither grow nor fade away
                parameter.fill_(1 / parameter[0].numel())
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        for name, buffer in probe.named_buffers():
            if buffer.is_floating_point():
                buffer.fill_(0.0 if name.endswith("mean") else 1.0)
    return tuple(_radius_along(probe, channels, axis, multiple) for axis in range(len(multiple)))


def _radius_along(net: nn.Module, channels: int, axis: int, multiple: tuple[int, ...]) -> int:
    import torch

    step = multiple[axis]
    extent = [32 * m if i == axis else m for i, m in enumerate(multiple)]
    extent[axis] = max(extent[axis], 128)
    reach = 0
    for offset in (0, step - 1):
        image = torch.ones((1, channels, *extent), requires_grad=True)
        output = net(image)
        middle = [n // 2 for n in extent]
        middle[axis] += offset
        strides = [n // m for n, m in zip(extent, output.shape[2:], strict=True)]
        place = [m // s for m, s in zip(middle, strides, strict=True)]
        (gradient,) = torch.autograd.grad(output[(0, slice(None), *place)].sum(), image)
        touched = gradient[0].abs().sum(dim=0).gt(0).nonzero()[:, axis]
        first = place[axis] * strides[axis]
        last = first + strides[axis] - 1
        reach = max(reach, first - int(touched.min()), int(touched.max()) - last)
    return reach
