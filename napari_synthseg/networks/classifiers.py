"""Networks that say which classes an image shows: features, their mean over the image, one layer.

All have the form that class activation maps need: the score of a class is a weighted sum of feature
maps, averaged over the image. They take images of any size.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.registry import register_network

PROBE_PX = 64
"""Edge of the image on which a body's resolution is seen, pixels."""

HALVINGS = 3
"""Of the small network: more would leave less of where things are."""


class PooledClassifier(nn.Module):
    """Feature maps, their mean over the image, and a linear layer.

    Attributes
    ----------
    body
        Maps (batch, channel, [z,] y, x) to feature maps (batch, feature, ...) of lower resolution.
    head
        Maps the mean of each feature map to one logit a class.
    multiple
        Edge of a place of the feature maps, pixels.
    """

    def __init__(self, body: nn.Module, spec: ModelSpec, channels: int, classes: int) -> None:
        super().__init__()
        self.body = body
        with torch.no_grad():
            seen = body.eval()(torch.zeros((1, channels) + (PROBE_PX,) * spec.spatial_dims))
        body.train()
        self.multiple = PROBE_PX // int(seen.shape[-1])
        self.head = nn.Linear(seen.shape[1], classes)

    def map_classes(self, features: torch.Tensor) -> torch.Tensor:
        """Return what speaks for each class at each place: its mean and the bias are the logit.

        `features` is one image's, (feature, [z,] y, x); the result (class, [z,] y, x).
        """
        result: torch.Tensor = torch.tensordot(self.head.weight, features, dims=1)
        return result

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (batch, classes)."""
        logits: torch.Tensor = self.head(self.body(images).flatten(2).mean(dim=2))
        return logits


@register_network("small")
def _small(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """Build a plain convolutional net, light enough for minutes on a CPU.

    One convolution at full resolution and two after each of three halvings: feature maps of an
    eighth of the image's resolution, so that a map of them shows single objects.
    """
    conv, norm = (
        (nn.Conv2d, nn.BatchNorm2d) if spec.spatial_dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
    )
    layers: list[nn.Module] = []

    def add(before: int, after: int, stride: int) -> None:
        layers.extend(
            (conv(before, after, 3, stride, 1, bias=False), norm(after), nn.ReLU(inplace=True))
        )

    width = 2 * spec.width
    add(in_channels, width, 1)
    for _ in range(min(spec.depth, HALVINGS)):
        add(width, 2 * width, 2)
        width *= 2
        add(width, width, 1)
    return PooledClassifier(nn.Sequential(*layers), spec, in_channels, out_channels)


@register_network("resnet18")
def _resnet18(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ResNet-18, without weights from elsewhere."""
    from monai.networks.nets.resnet import resnet18

    net = resnet18(spatial_dims=spec.spatial_dims, n_input_channels=in_channels, num_classes=1)
    stages = (net.conv1, net.bn1, net.act, net.maxpool, net.layer1, net.layer2, net.layer3)
    return PooledClassifier(nn.Sequential(*stages, net.layer4), spec, in_channels, out_channels)


@register_network("densenet121")
def _densenet121(spec: ModelSpec, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's DenseNet-121, without weights from elsewhere."""
    from monai.networks.nets.densenet import DenseNet121

    net = DenseNet121(spatial_dims=spec.spatial_dims, in_channels=in_channels, out_channels=1)
    body = nn.Sequential(net.features, nn.ReLU(inplace=True))
    return PooledClassifier(body, spec, in_channels, out_channels)
