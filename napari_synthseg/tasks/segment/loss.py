"""The loss of networks that segment objects."""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_synthseg.core.labels import UNKNOWN


def segmentation_loss(
    output: torch.Tensor, classes: torch.Tensor, distances: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy and Dice on the classes, cross-entropy on class and inner distance of objects.

    Pixels of which nothing is known count nowhere. The distance is learned as a probability: its
    error keeps a slope where the network is surely wrong, which an absolute error behind a sigmoid
    loses. The entropy of the true distance is taken off, so that a perfect network has loss 0.
    """
    known = classes != UNKNOWN
    logits = output[:, :-1].float().movedim(1, -1)[known]
    distance, classes, distances = output[:, -1].float()[known], classes[known], distances[known]
    if not len(classes):
        return output.sum() * 0
    entropy = functional.cross_entropy(logits, classes)
    probability = 1 - torch.softmax(logits, dim=1)[:, 0]
    objects = (classes > 0).float()
    overlap = (probability * objects).sum()
    dice = 1 - (2 * overlap + 1) / (probability.sum() + objects.sum() + 1)
    error = functional.binary_cross_entropy_with_logits(distance, distances, reduction="none")
    least = torch.special.entr(distances) + torch.special.entr(1 - distances)
    error = error - least
    balance = error[classes > 0].mean() if bool(objects.any()) else error.mean()
    kind = class_error(logits[:, 1:], classes)
    loss: torch.Tensor = entropy + dice + kind + 2 * (balance + error.mean())
    return loss


def class_error(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the class of object pixels, each class that is there weighing the same.

    In the entropy of all pixels, background included, rare classes hardly count. With a single
    class this is 0.
    """
    if logits.shape[1] == 1:
        return logits.new_zeros(())
    each = functional.cross_entropy(logits, (classes - 1).clamp(min=0), reduction="none")
    means = [each[classes == c].mean() for c in torch.unique(classes[classes > 0])]
    return torch.stack(means).mean() if means else each.mean() * 0
