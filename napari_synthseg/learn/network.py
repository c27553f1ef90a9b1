"""Running a network on one field: pad, infer, cut, and give probabilities back as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.pixels import FloatImage

if TYPE_CHECKING:
    import torch
    from torch import nn


def infer(
    net: nn.Module, image: FloatImage, device: torch.device, multiple: int
) -> tuple[FloatImage, FloatImage]:
    """Return softmax and inner distance of a field.

    Parameters
    ----------
    net
        In evaluation mode, on `device`.
    image
        (channel, [z,] y, x) float32; extended at the far ends to a multiple of `multiple`.

    Returns
    -------
    probabilities
        (1 + classes, [z,] y, x) float32.
    distance
        ([z,] y, x) float32 in 0..1.
    """
    import torch

    shape = image.shape[1:]
    extra = [(0, 0)] + [(0, -n % multiple) for n in shape]
    padded = np.pad(image, extra, mode="edge") if any(e for _, e in extra) else image
    with torch.inference_mode():
        out = net(torch.from_numpy(np.ascontiguousarray(padded))[None].to(device)).float()
        probabilities = torch.softmax(out[0, :-1], dim=0).cpu().numpy()
        distance = torch.sigmoid(out[0, -1]).cpu().numpy()
    inside = tuple(slice(0, n) for n in shape)
    return probabilities[(slice(None), *inside)], distance[inside]
