"""What a network says of each class at each place, before anything is summed up.

Class activation maps need one figure per class and image that they explain. It is the mean over all
places of what the network says of the class there: for a classifier that is the logit, up to its
bias; for a segmenting network it is the mean logit over the pixels that it gives to the class
(after Vinogradova et al., "Towards interpretable semantic segmentation via gradient-weighted class
activation mapping", 2020). As it is a mean over places, it can be put together from tiles.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_synthseg.networks.classifiers import PooledClassifier


def class_logits_map(
    net: nn.Module, images: torch.Tensor, classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a network says of each class at each place, and where that counts.

    Parameters
    ----------
    net
        A `PooledClassifier`, or a segmenting network whose first outputs are the background and the
        classes.
    images
        (1, channel, [z,] y, x).
    classes
        Number of classes.

    Returns
    -------
    said
        (1, class, ...) at the resolution of the network's last maps.
    counts
        1 at the places that count for a class, else 0; the same shape.
    """
    if isinstance(net, PooledClassifier):
        features = net.body(images).movedim(1, -1)
        said = nn.functional.linear(features, net.head.weight).movedim(-1, 1)
        return said, torch.ones_like(said)
    logits = net(images)[:, : classes + 1]
    best = logits.argmax(dim=1, keepdim=True)
    values = torch.arange(1, classes + 1, device=logits.device)
    return logits[:, 1:], (best == values.reshape(1, -1, *[1] * (logits.ndim - 2))).float()
