"""The network that judges whether image and mask agree: trained on real training pairs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.metrics.confusion import count_classes, count_pixels
from napari_synthseg.networks.build import build_model
from napari_synthseg.synthesis.vqvae.loop import Pictures, own_noise
from napari_synthseg.synthesis.vqvae.views import Marks, View
from napari_synthseg.synthesis.vqvae.vqvae import masked_entropy
from napari_synthseg.training.augmentation import Augmentation, random_crop

BATCH = 4
"""Crops in one batch."""

SPEC = ModelSpec(name="unet", width=8, depth=3)


@dataclass(eq=False)
class SegmenterStage:
    """What `loop.Learning` learns: a small U-Net from the real training pairs.

    Attributes
    ----------
    train, held
        Real pairs, as views; the labels of `train` are class numbers (see `views.Marks`).
    classes
        Number of classes with the background.
    edge
        Of training crops, pixels.
    """

    train: Sequence[DualImage]
    held: Sequence[View]
    channels: int
    classes: int
    edge: int
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        """Build the network."""
        with own_noise(self.seed, 2**32, torch.device("cpu")):
            self.net = build_model(SPEC, self.channels, self.classes)
        self.net.to(self.device)
        self.edge = -(-self.edge // SPEC.multiple[0]) * SPEC.multiple[0]

    def loss(self, step: int, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the cross-entropy of one batch of changed crops."""
        crops = []
        for number in range(BATCH):
            rng = np.random.default_rng((self.seed, step, number))
            pair = self.train[int(rng.integers(len(self.train)))]
            crops.append(random_crop(pair, (self.edge, self.edge), AUGMENTATION, rng))
        images = torch.from_numpy(np.stack([c.image for c in crops])).to(self.device)
        marks = torch.from_numpy(np.stack([c.labels.ids for c in crops])).to(self.device)
        return masked_entropy(self.net(images), marks), {}

    def judge(self, net: nn.Module) -> tuple[float | None, dict[str, float]]:
        """Return how far from agreeing it is with the held-out masks."""
        if not self.held:
            return None, {}
        found = [
            agreement(predict(net, view.image, self.device), view.marks, self.classes)
            for view in self.held
        ]
        return 1 - float(np.mean(found)), {"held agreement": float(np.mean(found))}

    def pictures(self, net: nn.Module) -> Pictures:
        """Return nothing: it is no generator."""
        return {}


AUGMENTATION = Augmentation(zoom=1.3, gain=1.3, gamma=1.3)
"""Milder than that of models for use: what it judges looks like its training images."""


def predict(net: nn.Module, image: FloatImage, device: torch.device) -> Marks:
    """Return the class number of each pixel (y, x) of a normalized image (channel, y, x)."""
    extra = [(0, 0)] + [(0, -n % m) for n, m in zip(image.shape[1:], SPEC.multiple, strict=True)]
    padded = torch.from_numpy(np.pad(image, extra, mode="edge"))[None].to(device)
    with torch.inference_mode():
        marks = net(padded).argmax(dim=1)[0].cpu().numpy()
    return marks[: image.shape[1], : image.shape[2]].astype(np.int16)  # type: ignore[no-any-return]


def agreement(found: Marks, marks: Marks, classes: int) -> float:
    """Return the mean IoU over the classes, background included, that a mask shows.

    Pixels that are `UNKNOWN` in the mask count nowhere; a mask without any known pixel gives 1.
    """
    true = np.where(marks >= 0, marks, classes).astype(np.uint16)
    counts = count_classes(count_pixels(true, found.astype(np.uint16), classes))
    overlaps = [each.iou for each in counts if each.true]
    return float(np.mean(overlaps)) if overlaps else 1.0
