"""The loss of networks that segment objects."""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_synthseg.core.labels import UNKNOWN

NO_CLASS = -100
"""Stands for the class of pixels that are of no object."""


def segmentation_loss(
    output: torch.Tensor, classes: torch.Tensor, distances: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy and Dice on the classes, cross-entropy on class and inner distance of objects.

    Pixels of which nothing is known count nowhere. The distance is learned as a probability: its
    error keeps a slope where the network is surely wrong, which an absolute error behind a sigmoid
    loses. The entropy of the true distance is taken off, so that a perfect network has loss 0.
    """
    output = output.float().contiguous()
    logits, distance = output[:, :-1], output[:, -1]
    known, objects = (classes != UNKNOWN).float(), (classes > 0).float()
    pixels, object_pixels = known.sum().clamp(min=1), objects.sum()
    log_shares = functional.log_softmax(logits, dim=1)
    entropy = functional.nll_loss(log_shares, classes, ignore_index=UNKNOWN, reduction="sum")
    probability = (1 - log_shares[:, 0].exp()) * known
    overlap = (probability * objects).sum()
    dice = 1 - (2 * overlap + 1) / (probability.sum() + object_pixels + 1)
    even = known / pixels
    weights = even + torch.where(object_pixels > 0, objects / object_pixels.clamp(min=1), even)
    error = functional.binary_cross_entropy_with_logits(
        distance, distances, weights, reduction="sum"
    )
    least = torch.special.entr(distances) + torch.special.entr(1 - distances)
    kind = class_error(logits[:, 1:], classes)
    loss: torch.Tensor = entropy / pixels + dice + kind + 2 * (error - (weights * least).sum())
    return loss


def class_error(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the class of object pixels, each class that is there weighing the same.

    In the entropy of all pixels, background included, rare classes hardly count. With a single
    class this is 0.
    """
    count = logits.shape[1]
    if count == 1:
        return logits.new_zeros(())
    numbers = torch.where(classes > 0, classes - 1, NO_CLASS)
    pixels = torch.stack([(numbers == c).sum() for c in range(count)])
    error = functional.cross_entropy(
        logits, numbers, 1 / pixels.clamp(min=1), ignore_index=NO_CLASS, reduction="sum"
    )
    return error / (pixels > 0).sum().clamp(min=1)
