"""How far a network sees."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache

import torch
from torch import nn

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.classifiers import PooledClassifier
from napari_synthseg.networks.registry import build_network, multiple_of


@lru_cache(maxsize=32)
def receptive_radius(spec: ModelSpec) -> tuple[int, ...]:
    """Return how far, in pixels along each axis, an input pixel can influence the output.

    Of a classifier its feature maps count, as its output depends on all pixels.
    """
    net = build_network(spec, 1, 1)
    maps = net.body if isinstance(net, PooledClassifier) else net
    return measure_radius(maps, 1, multiple_of(net, spec))


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
