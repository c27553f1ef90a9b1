"""The U-Net of segmentation."""

from __future__ import annotations

from typing import Any

from torch import nn

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import register_network


@register_network("unet")
def unet(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
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
