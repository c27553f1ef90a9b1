"""Learning the codes: crops of image and mask through the VQ-VAE and back."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.labels import UNKNOWN, DualImage, RegionLabels
from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.vqvae.views import MaskedView, draw_view, even_crops, mirrored
from napari_synthseg.synthesis.vqvae.vqvae import CoderDesign, PairCoder, masked_entropy
from napari_synthseg.training.trainable import Batch, Validation

BATCH_SIZE = 4
"""Crops in one batch: with little time, more steps get further than larger batches."""

UNQUANTIZED_SHARE = 0.15
"""Share of the budget in which nothing is quantized: codes are then chosen among features that
mean something, and nearly all of them find a use."""

MAX_JUDGED, MAX_SHOWN = 24, 4
"""Held-out crops that are validated, and of these shown."""


def channel_statistics(views: Sequence[MaskedView]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel over all images."""
    pixels = np.concatenate([v.image.reshape(len(v.image), -1) for v in views], axis=1)
    spread = np.maximum(pixels.std(axis=1, dtype=np.float64), 1e-3)
    return pixels.mean(axis=1, dtype=np.float64).tolist(), spread.tolist()


def measure_pair_loss(
    net: PairCoder, images: torch.Tensor, mask: torch.Tensor, *, quantize: bool = True
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss of coding pairs, and its parts by name.

    The image's part is the squared error as a share of the images' variance; the mask's part is the
    cross-entropy over the pixels that are not `UNKNOWN`.
    """
    seen, scores, _, own = net(images, mask, quantize=quantize)
    error = torch.mean((seen - net.coded(images)) ** 2)
    entropy = masked_entropy(scores, mask)
    return error + entropy + own, {"image error": error.detach(), "mask loss": entropy.detach()}


@dataclass(eq=False)
class CoderStage:
    """Trains the network that codes pairs; a `Trainable`.

    Attributes
    ----------
    train, held
        Images and masks to learn from, and to validate on.
    design
        What the network looks like.
    edge
        Of the training crops, pixels.
    turns
        Whether crops are flipped and turned.
    class_values
        Class values in ascending order, without the background's 0.
    """

    train: Sequence[MaskedView]
    held: Sequence[MaskedView]
    design: CoderDesign
    edge: int
    turns: bool
    class_values: Sequence[int]
    seed: int
    learned: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Choose the crops that are validated."""
        self.sources = [mirrored(view, self.edge) for view in self.train]
        self.quantized = False
        self.judged = even_crops(self.held or self.train, self.edge, MAX_JUDGED)

    def build_network(self) -> PairCoder:
        """Return the network with fresh weights."""
        return PairCoder(self.design, *channel_statistics(self.train))

    def make_batch(self, number: int) -> Batch:
        """Return random crops of image and mask."""
        crops = []
        for place in range(BATCH_SIZE):
            rng = np.random.default_rng((self.seed, number, place))
            crops.append(draw_view(self.sources, self.edge, rng, self.turns))
        return as_batch(crops)

    def batch_loss(
        self, net: PairCoder, batch: Batch, fraction: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of one batch; see `measure_pair_loss`."""
        quantize = fraction >= UNQUANTIZED_SHARE
        self.quantized = self.quantized or quantize
        return measure_pair_loss(net, batch.images, *batch.targets, quantize=quantize)

    def validate(
        self, net: PairCoder, device: torch.device
    ) -> Generator[Progress, None, Validation]:
        """Measure the loss on held-out crops and the use of the codes.

        Nothing is measured before there are codes: the first batch that is quantized chooses them,
        and that must be one to learn from.
        """
        if not self.quantized:
            return Validation({}, None)
        counts = np.zeros(net.codes, np.int64)
        error = entropy = right = known = pixels = 0.0
        for crops in _alike(self.judged):
            yield Progress(0.0, "coding crops")
            batch = as_batch(crops).to(device)
            images, (mask,) = batch.images, batch.targets
            with torch.no_grad():
                seen, scores, codes, _ = net(images, mask)
                wanted = net.coded(images)
            share = float(len(crops) * crops[0].mask.size)
            error += share * float(torch.mean((seen - wanted) ** 2))
            entropy += share * float(masked_entropy(scores, mask))
            right += float(((scores.argmax(dim=1) == mask) & (mask != UNKNOWN)).sum())
            known += float((mask != UNKNOWN).sum())
            pixels += share
            counts += np.bincount(codes.cpu().numpy().ravel(), minlength=net.codes)
        figures = {
            "held image error": error / pixels,
            "held mask accuracy": right / max(known, 1),
            "code perplexity": perplexity(counts),
            "codes used": float(np.count_nonzero(counts) / net.codes),
        }
        yield Progress(0.5, "decoding crops")
        value = -(error + entropy) / pixels if self.held else None
        return Validation(figures, value, previews=self._previews(net, device))

    def _previews(self, net: PairCoder, device: torch.device) -> dict[str, tuple[DualImage, ...]]:
        """Return crops, and what is left of them after coding."""
        real: list[DualImage] = []
        made: list[DualImage] = []
        for index, crop in enumerate(self.judged[:MAX_SHOWN]):
            image, classes = decoded(net, encoded(net, crop, device))
            real.append(as_pair(crop.image, crop.mask, self.class_values, index))
            made.append(as_pair(image[0], classes[0], self.class_values, index))
        return {"real": tuple(real), "reconstructed": tuple(made)}


def encoded(net: PairCoder, view: MaskedView, device: torch.device) -> torch.Tensor:
    """Return the codes (1, y, x) of a view whose extents are whole cells."""
    batch = as_batch([view]).to(device)
    with torch.no_grad():
        return net.encode(batch.images, *batch.targets)


def decoded(net: PairCoder, codes: torch.Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images (n, c, y, x) float32 and mask (n, y, x) int16 of codes."""
    with torch.no_grad():
        images, scores = net.decode(codes)
    mask = scores.argmax(dim=1).cpu().numpy().astype(np.int16)
    return images.float().cpu().numpy(), mask


def as_batch(views: Sequence[MaskedView]) -> Batch:
    """Return images (n, c, y, x) and, as target, mask (n, y, x) of views of one shape."""
    images = torch.from_numpy(np.stack([view.image for view in views]))
    mask = torch.from_numpy(np.stack([view.mask for view in views]).astype(np.int64))
    return Batch(images, (mask,))


def as_pair(
    image: NDArray[Any],
    mask: NDArray[Any],
    class_values: Sequence[int],
    index: int,
) -> DualImage:
    """Return a dual image from normalized pixels (c, y, x) and mask (y, x)."""
    table = np.array([0, *class_values, UNKNOWN], np.int32)  # -1 is the last one
    pixels = np.array(image, np.float32, order="C")
    return DualImage(pixels, RegionLabels(table[mask]), index)


def perplexity(counts: NDArray[Any]) -> float:
    """Return the number of codes that, used alike, would be as varied as these."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def _alike(views: Sequence[MaskedView]) -> list[list[MaskedView]]:
    """Return views sorted into lists of one shape, of `BATCH_SIZE` at most."""
    ordered = sorted(views, key=lambda view: view.shape)
    groups = [list(group) for _, group in groupby(ordered, key=lambda view: view.shape)]
    return [group[i : i + BATCH_SIZE] for group in groups for i in range(0, len(group), BATCH_SIZE)]
