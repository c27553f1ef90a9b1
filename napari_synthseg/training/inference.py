"""Running a network on one field: pad, infer, cut, and give probabilities back as arrays."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.geometry import divide_region, full_region, region_slices, widen_region
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn


def infer(
    net: nn.Module, image: FloatImage, device: torch.device, multiple: tuple[int, ...]
) -> tuple[FloatImage, FloatImage]:
    """Return softmax and inner distance of a field.

    Parameters
    ----------
    net
        In evaluation mode, on `device`.
    image
        (channel, [z,] y, x) float32; extended at the far ends to a multiple of `multiple`,
        one for each spatial axis.

    Returns
    -------
    probabilities
        (1 + classes, [z,] y, x) float32.
    distance
        ([z,] y, x) float32 in 0..1.
    """
    import torch

    out = run_net(net, image, device, multiple)
    probabilities = torch.softmax(out[:-1], dim=0).cpu().numpy()
    return probabilities, torch.sigmoid(out[-1]).cpu().numpy()


def run_net(
    net: nn.Module, image: FloatImage, device: torch.device, multiple: tuple[int, ...]
) -> torch.Tensor:
    """Return the raw output for a field, (channel, [z,] y, x) on `device`; see `infer`."""
    import torch

    shape = image.shape[1:]
    extra = [(0, 0)] + [(0, -n % m) for n, m in zip(shape, multiple, strict=True)]
    padded = np.pad(image, extra, mode="edge") if any(e for _, e in extra) else image
    with torch.inference_mode():
        out = net(torch.from_numpy(np.ascontiguousarray(padded))[None].to(device)).float()
    inside = tuple(slice(0, n) for n in shape)
    found: torch.Tensor = out[0][(slice(None), *inside)]
    return found


def infer_by_blocks(
    net: nn.Module,
    image: FloatImage,
    device: torch.device,
    multiple: tuple[int, ...],
    block: tuple[int, ...],
    radius: tuple[int, ...],
) -> Generator[Progress, None, tuple[FloatImage, FloatImage]]:
    """Do what `infer` does, block by block, so that the network's own memory is bounded.

    `block` is the shape of a block, a multiple of `multiple`; `radius` how far the network sees
    along each axis, so that the outcome is that of the whole field.
    """
    whole = full_region(image.shape[1:])
    cores = list(divide_region(whole, block))
    if len(cores) == 1:
        yield Progress(0.0)
        return infer(net, image, device, multiple)
    margin = tuple(-(-r // m) * m for r, m in zip(radius, multiple, strict=True))
    probabilities: FloatImage = np.empty((0,), np.float32)
    distance = np.empty(image.shape[1:], np.float32)
    for number, core in enumerate(cores):
        yield Progress(number / len(cores), f"block {number + 1} of {len(cores)}")
        seen = widen_region(core, margin, whole)
        maps = infer(net, image[(slice(None), *region_slices(seen))], device, multiple)
        if not probabilities.size:
            probabilities = np.empty((len(maps[0]), *image.shape[1:]), np.float32)
        cut = region_slices(core, [start for start, _ in seen])
        probabilities[(slice(None), *region_slices(core))] = maps[0][(slice(None), *cut)]
        distance[region_slices(core)] = maps[1][cut]
    return probabilities, distance
