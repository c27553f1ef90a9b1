"""Fitting a network to unlabelled images by its batch norms alone.

A network that learned from dual images has the mean and spread of *their* features in its batch
norms. Measured anew on real images, with all weights as they are, these fit the real ones (Li et
al., "Revisiting batch normalization for practical domain adaptation", 2016).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.progress import Progress
from napari_synthseg.networks.registry import multiple_of
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.volumes import round_up

WINDOW_PX = 256
"""Edge of the windows that are looked at, pixels."""

BATCHES, BATCH_SIZE = 16, 4
"""How many batches are looked at, and of how many windows each."""


def adapt_predictor(
    predictor: Predictor, images: Sequence[PixelSource], seed: int = 0
) -> Generator[Progress, None, None]:
    """Fit a predictor to images that nobody labelled, by windows drawn from them at random.

    All images count the same, however large.

    Raises
    ------
    InputError
        If the network has no batch norm, is one for volumes, or there is no image.
    """
    if predictor.spec.spatial_dims != 2:
        raise InputError("Only networks for flat images can be adapted: predict as it is.")
    for pixels in images:
        predictor.check(pixels)
    multiple = max(multiple_of(predictor.net, predictor.spec))
    widest = round_up(WINDOW_PX, multiple)
    edges = [min([widest, *(b - a for a, b in p.region)]) // multiple * multiple for p in images]
    edge = min(edges, default=0)
    if images and edge < multiple:
        raise InputError(f"An image is narrower than {multiple} pixels, too little to adapt to.")
    rng = np.random.default_rng(seed)
    batches = (
        np.stack(
            [_window(images[int(rng.integers(len(images)))], edge, rng) for _ in range(BATCH_SIZE)]
        )
        for _ in range(BATCHES if images else 0)
    )
    for done in adapt_batch_norms(predictor.net, batches, predictor.device):
        yield Progress(done / BATCHES, f"batch {done} of {BATCHES}")


def _window(pixels: PixelSource, edge: int, rng: np.random.Generator) -> FloatImage:
    starts = [int(rng.integers(a, b - edge + 1)) for a, b in pixels.region]
    return pixels.read(tuple((start, start + edge) for start in starts))


def adapt_batch_norms(
    net: nn.Module, batches: Iterable[FloatImage], device: torch.device
) -> Iterator[int]:
    """Measure the statistics of all batch norms anew; yield the number of batches they come from.

    All batches count the same. The network is left in evaluation mode.

    Parameters
    ----------
    net
        On `device`; changed in place.
    batches
        Images, shape (batch, channel, [z,] y, x), at least two pixels each.
    device
        Where the network is.

    Raises
    ------
    InputError
        If the network has no batch norm, or there is no image.
    """
    norms = [part for part in net.modules() if isinstance(part, _BatchNorm)]
    if not norms:
        raise InputError("This network has no batch norm, so it cannot be adapted to images.")
    before = [norm.momentum for norm in norms]
    count = 0
    net.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                if not count:
                    for norm in norms:
                        norm.reset_running_stats()
                        norm.momentum = None  # a plain average over the batches
                        norm.train()
                net(torch.from_numpy(np.ascontiguousarray(batch)).to(device))
                count += 1
                yield count
    finally:
        net.eval()
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
    if not count:
        raise InputError("There is no image to adapt the network to: give it training images.")
