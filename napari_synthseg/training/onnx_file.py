"""Trained networks as ONNX files, which run without PyTorch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.training.model import Predictor

INPUT, OUTPUT = "image", "maps"
"""Names of the tensors."""

OPSET = 18
"""Version of the operators: the oldest that PyTorch writes, so that older programs read it."""


class _Activated(nn.Module):
    """A network and what is done with its output at once."""

    def __init__(self, net: nn.Module, activate: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.net, self.activate = net, activate

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.activate(self.net(images))


def write_onnx(
    path: Path,
    predictor: Predictor,
    activate: Callable[[torch.Tensor], torch.Tensor],
    example: FloatImage,
) -> float:
    """Write a network with its weights; return the largest difference of outputs to PyTorch.

    Batches and spatial extents are free, as far as the network takes them. The difference is
    measured on the example and on a part of it.

    Parameters
    ----------
    activate
        What is done with the network's output, batch first.
    example
        A normalized image (channel, [z,] y, x), whose extents are at least two of the network's
        multiples.
    """
    net = _Activated(predictor.net.cpu(), activate).eval()
    images = torch.from_numpy(np.ascontiguousarray(example, np.float32))[None]
    free = {0: torch.export.Dim.AUTO}
    free |= dict.fromkeys(range(2, images.ndim), torch.export.Dim.AUTO)
    # it warns of a library of picture operations that is not needed here
    quiet = logging.getLogger("torch.onnx")
    before = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        torch.onnx.export(
            net, (images,), path, dynamo=True, external_data=False, verbose=False,
            opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT], dynamic_shapes=(free,),
        )  # fmt: skip
    finally:
        quiet.setLevel(before)
        predictor.net.to(predictor.device)
    half = (slice(None), *(slice(n // 2) for n in example.shape[1:]))
    return max(_difference(path, net, part) for part in (example, example[half]))


def run_onnx(path: Path, images: FloatImage) -> FloatImage:
    """Apply an ONNX file to a batch of images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: FloatImage = session.run([OUTPUT], {INPUT: images})[0]
    return found


def _difference(path: Path, net: nn.Module, image: FloatImage) -> float:
    batch = np.ascontiguousarray(image, np.float32)[None]
    with torch.inference_mode():
        expected = net(torch.from_numpy(batch)).numpy()
    return float(np.abs(run_onnx(path, batch) - expected).max())
