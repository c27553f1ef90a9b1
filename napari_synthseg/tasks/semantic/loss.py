"""The loss of networks that classify pixels."""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_synthseg.core.labels import UNKNOWN


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
    truth = classes[known]
    if not len(truth):
        return output.sum() * 0
    logits = output.float().movedim(1, -1)[known]
    entropy = functional.cross_entropy(logits, truth, weights)
    probabilities = torch.softmax(logits, dim=1)
    true = functional.one_hot(truth, logits.shape[1]).float()
    overlap, both = (probabilities * true).sum(dim=0), (probabilities + true).sum(dim=0)
    dice = 1 - (2 * overlap + 1) / (both + 1)
    loss: torch.Tensor = entropy + dice[true.sum(dim=0) > 0].mean()
    return loss
