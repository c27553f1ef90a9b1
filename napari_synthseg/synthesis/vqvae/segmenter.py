"""The network that judges whether image and mask agree: trained on real training pairs alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from napari_synthseg.core.labels import DualImage, regions_of
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.metrics.confusion import count_classes, count_pixels
from napari_synthseg.networks.registry import build_network
from napari_synthseg.synthesis.vqvae.views import ClassMask, MaskedView
from napari_synthseg.synthesis.vqvae.vqvae import masked_entropy
from napari_synthseg.training.augmentation import Augmentation, random_crop
from napari_synthseg.training.tiles import image_tensor, run_network
from napari_synthseg.training.trainable import Batch, Validation
from napari_synthseg.training.volumes import round_up

BATCH_SIZE = 4
"""Crops in one batch."""

SPEC = ModelSpec(name="unet", width=8, depth=3)


@dataclass(eq=False)
class SegmenterStage:
    """Trains a small U-Net on the real training pairs; a `Trainable`.

    Attributes
    ----------
    train, held
        Real pairs, as views; the labels of `train` are class numbers (see `views.ClassMask`).
    classes
        Number of classes with the background.
    edge
        Of training crops, pixels.
    """

    train: Sequence[DualImage]
    held: Sequence[MaskedView]
    channels: int
    classes: int
    edge: int
    seed: int
    learned: frozenset[str] = frozenset()

    def build_network(self) -> nn.Module:
        """Return the network with fresh weights."""
        return build_network(SPEC, self.channels, self.classes)

    def make_batch(self, number: int) -> Batch:
        """Return changed crops of random pairs."""
        edge = round_up(self.edge, SPEC.multiple[0])
        crops = []
        for place in range(BATCH_SIZE):
            rng = np.random.default_rng((self.seed, number, place))
            pair = self.train[int(rng.integers(len(self.train)))]
            crops.append(random_crop(pair, (edge, edge), AUGMENTATION, rng))
        images = torch.from_numpy(np.stack([c.image for c in crops]))
        mask = np.stack([regions_of(c.labels).values for c in crops])
        return Batch(images, (torch.from_numpy(mask),))

    def batch_loss(
        self, net: nn.Module, batch: Batch, fraction: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the cross-entropy of one batch."""
        return masked_entropy(net(batch.images), *batch.targets), {}

    def validate(
        self, net: nn.Module, device: torch.device
    ) -> Generator[Progress, None, Validation]:
        """Measure how well it agrees with the held-out masks."""
        found = []
        for number, view in enumerate(self.held):
            yield Progress(number / len(self.held), f"crop {number + 1} of {len(self.held)}")
            found.append(agreement(predict(net, view.image, device), view.mask, self.classes))
        return Validation.by_mean({"held agreement": float(np.mean(found))} if found else {})


AUGMENTATION = Augmentation(zoom=1.3, gain=1.3, gamma=1.3)
"""Milder than that of models for use: what it judges looks like its training images."""


def predict(net: nn.Module, image: FloatImage, device: torch.device) -> ClassMask:
    """Return the class number of each pixel (y, x) of a normalized image (channel, y, x)."""
    mask = run_network(net, image_tensor(image, SPEC.multiple, device)).argmax(dim=0).cpu().numpy()
    return mask[: image.shape[1], : image.shape[2]].astype(np.int16)


def agreement(found: ClassMask, mask: ClassMask, classes: int) -> float:
    """Return the mean IoU over the classes, background included, that a mask shows.

    Pixels that are `UNKNOWN` in the mask count nowhere; a mask without any known pixel gives 1.
    """
    true = np.where(mask >= 0, mask, classes).astype(np.uint16)
    counts = count_classes(count_pixels(true, found.astype(np.uint16), classes))
    overlaps = [each.iou for each in counts if each.true]
    return float(np.mean(overlaps)) if overlaps else 1.0
