"""How a network's class logits are made at each place: what heat maps are computed from.

Heat maps need one figure per class and image that they explain. It is the mean over all places of
the logit of the class there: for a classifier that is its logit, up to the bias; for a segmenting
network it is the mean logit over the pixels that it gives to the class (after Vinogradova et al.,
"Towards interpretable semantic segmentation via gradient-weighted class activation mapping", 2020).
As it is a mean over places, it can be put together from tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.classifiers import PooledClassifier
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.networks.registry import multiple_of

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, eq=False)
class ClassLogits:
    """The class logits of a network, in evaluation mode.

    Attributes
    ----------
    net
        The network.
    measure
        Maps images (1, channel, [z,] y, x) to logits (1, class, ...) at the resolution of the
        network's last maps, and where they count (1 or 0, the same shape).
    layer
        Name of the last module before the classes, as in ``net.named_modules()``.
    weights
        (class, feature), where logits are a weighted sum of the feature maps of `layer`.
    multiple
        What extents of images must be multiples of, pixels.
    radius
        How far the feature maps of the last layer see, pixels along each axis.
    """

    net: nn.Module
    measure: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    layer: str
    weights: torch.Tensor | None
    multiple: tuple[int, ...]
    radius: tuple[int, ...]


def pooled_class_logits(net: nn.Module, spec: ModelSpec) -> ClassLogits:
    """Return the class logits of a `PooledClassifier`."""
    assert isinstance(net, PooledClassifier)

    def measure(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = net.body(images).movedim(1, -1)
        logits = nn.functional.linear(features, net.head.weight).movedim(-1, 1)
        return logits, torch.ones_like(logits)

    weights = net.head.weight.detach()
    multiple = multiple_of(net, spec)
    return ClassLogits(net, measure, "body", weights, multiple, receptive_radius(spec))


def pixel_class_logits(net: nn.Module, spec: ModelSpec, channels: int, classes: int) -> ClassLogits:
    """Return the class logits of a network whose first outputs are background and classes.

    `channels` are those that it takes.
    """

    def measure(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = net(images)[:, : classes + 1]
        best = logits.argmax(dim=1, keepdim=True)
        values = torch.arange(1, classes + 1, device=logits.device)
        return logits[:, 1:], (best == values.reshape(1, -1, *[1] * (logits.ndim - 2))).float()

    multiple = multiple_of(net, spec)
    layer = last_hidden_layer(net, channels, multiple)
    return ClassLogits(net, measure, layer, None, multiple, receptive_radius(spec))


def last_hidden_layer(net: nn.Module, channels: int, multiple: tuple[int, ...]) -> str:
    """Return the name of the module that runs last before the last convolution.

    Found by running the network, as modules need not run in the order in which they are named.

    Parameters
    ----------
    net
        Maps (batch, channel, [z,] y, x) to maps, in evaluation mode.
    channels
        Channels that it takes.
    multiple
        What extents must be multiples of, pixels.
    """
    ran: list[tuple[str, nn.Module]] = []

    def note(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == len(multiple) + 2:
                ran.append((name, module))

        return hook

    leaves = [(str(name), part) for name, part in net.named_modules() if not [*part.children()]]
    handles = [part.register_forward_hook(note(name)) for name, part in leaves]
    try:
        with torch.no_grad():
            net(torch.zeros((1, channels, *multiple), device=next(net.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    last = max(n for n, (_, part) in enumerate(ran) if isinstance(part, CONVOLUTIONS))
    return ran[max(last - 1, 0)][0]
