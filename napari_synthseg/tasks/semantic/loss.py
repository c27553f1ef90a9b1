"""The loss of networks that classify pixels."""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_synthseg.core.labels import UNKNOWN

TINY = 1e-12


def region_loss(output: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy, and Dice as the mean over the classes that the batch holds.

    Pixels of which nothing is known count nowhere.

    Parameters
    ----------
    output
        Logits, (batch, class, [z,] y, x).
    classes
        Index of the true class, or `UNKNOWN`; (batch, [z,] y, x).
    weights
        Of each class in the cross-entropy.
    """
    known = classes != UNKNOWN
    logits = output.float().contiguous()
    log_shares = functional.log_softmax(logits, dim=1)
    entropy = functional.nll_loss(
        log_shares, classes, weights, ignore_index=UNKNOWN, reduction="sum"
    )
    true = torch.zeros_like(logits)
    true.scatter_(1, classes.clamp(min=0)[:, None], known.float()[:, None])
    each = (0, *range(2, logits.ndim))
    probabilities = log_shares.exp() * known[:, None]
    overlap, pixels = (probabilities * true).sum(dim=each), true.sum(dim=each)
    dice = 1 - (2 * overlap + 1) / (probabilities.sum(dim=each) + pixels + 1)
    present = pixels > 0
    missed = (dice * present).sum() / present.sum().clamp(min=1)
    loss: torch.Tensor = entropy / (weights * pixels).sum().clamp(min=TINY) + missed
    return loss
