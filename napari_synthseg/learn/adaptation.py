"""Fitting a network to unlabelled images by its batch norms alone.

A network that learned from dual images has the mean and spread of *their* features in its batch
norms. Measured anew on real images, with all weights as they are, these fit the real ones (Li et
al., "Revisiting batch normalization for practical domain adaptation", 2016).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import FloatImage

if TYPE_CHECKING:
    import torch
    from torch import nn


def adapt_batch_norms(net: nn.Module, batches: Iterable[FloatImage], device: torch.device) -> int:
    """Measure the statistics of all batch norms anew; return how many batches they come from.

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
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

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
    finally:
        net.eval()
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
    if not count:
        raise InputError("There is no image to adapt the network to: give it training images.")
    return count
