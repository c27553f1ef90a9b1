"""Learning the codes: crops of image and mask through the VQ-VAE and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.labels import UNKNOWN, DualImage, Labels
from napari_synthseg.synthesis.vqvae.loop import Pictures, own_noise
from napari_synthseg.synthesis.vqvae.views import View, draw_view, even_crops, mirrored
from napari_synthseg.synthesis.vqvae.vqvae import Design, PairCoder, masked_entropy

BATCH = 4
"""Crops in one batch: with little time, more steps get further than larger batches."""

PLAIN = 0.15
"""Share of the limit in which nothing is quantized: codes are then chosen among features that
mean something, and nearly all of them find a use."""

JUDGED, SHOWN = 24, 4
"""Held-out crops that are judged, and of these shown."""


def channel_statistics(views: Sequence[View]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel over all images."""
    pixels = np.concatenate([v.image.reshape(len(v.image), -1) for v in views], axis=1)
    spread = np.maximum(pixels.std(axis=1, dtype=np.float64), 1e-3)
    return pixels.mean(axis=1, dtype=np.float64).tolist(), spread.tolist()


@dataclass(eq=False)
class CoderStage:
    """What `loop.Learning` learns: the network that codes pairs.

    Attributes
    ----------
    train, held
        Images and masks to learn from, and to judge by.
    design
        What the network looks like.
    edge
        Of the training crops, pixels.
    turns
        Whether crops are flipped and turned.
    class_values
        Class values in ascending order, without the background's 0.
    """

    train: Sequence[View]
    held: Sequence[View]
    design: Design
    edge: int
    turns: bool
    class_values: Sequence[int]
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        """Build the network."""
        with own_noise(self.seed, 2**32, torch.device("cpu")):
            self.net: PairCoder = PairCoder(self.design, *channel_statistics(self.train))
        self.net.to(self.device)
        self.sources = [mirrored(view, self.edge) for view in self.train]
        self.quantized = False
        self.judged = even_crops(self.held or self.train, self.edge, self.edge, JUDGED)

    def loss(self, step: int, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of one batch; see `PairCoder.loss`."""
        crops = []
        for number in range(BATCH):
            rng = np.random.default_rng((self.seed, step, number))
            crops.append(draw_view(self.sources, self.edge, self.edge, rng, self.turns))
        images, marks = as_tensors(crops, self.device)
        plain = fraction < PLAIN
        self.quantized = self.quantized or not plain
        total, values = self.net.loss(images, marks, plain=plain)
        return total, values

    def judge(self, net: nn.Module) -> tuple[float | None, dict[str, float]]:
        """Return the loss on held-out crops and the use of the codes; nothing before there are any.

        The first batch that is quantized chooses the codes: that must be one to learn from.
        """
        assert isinstance(net, PairCoder)
        if not self.quantized:
            return None, {}
        counts = np.zeros(net.codes, np.int64)
        error = entropy = right = known = pixels = 0.0
        for crops in _alike(self.judged):
            images, marks = as_tensors(crops, self.device)
            seen, scores, codes, _ = net(images, marks)
            wanted = net.coded(images)
            share = float(len(crops) * crops[0].marks.size)
            error += share * float(torch.mean((seen - wanted) ** 2))
            entropy += share * float(masked_entropy(scores, marks))
            right += float(((scores.argmax(dim=1) == marks) & (marks != UNKNOWN)).sum())
            known += float((marks != UNKNOWN).sum())
            pixels += share
            counts += np.bincount(codes.cpu().numpy().ravel(), minlength=net.codes)
        figures = {
            "held image error": error / pixels,
            "held mask accuracy": right / max(known, 1),
            "code perplexity": perplexity(counts),
            "codes used": float(np.count_nonzero(counts) / net.codes),
        }
        return (error + entropy) / pixels if self.held else None, figures

    def pictures(self, net: nn.Module) -> Pictures:
        """Return crops, and what is left of them after coding."""
        assert isinstance(net, PairCoder)
        real: list[DualImage] = []
        made: list[DualImage] = []
        if not self.quantized:
            return {}
        for index, crop in enumerate(self.judged[:SHOWN]):
            images, marks = as_tensors([crop], self.device)
            image, classes = decoded(net, net.encode(images, marks))
            real.append(as_pair(crop.image, crop.marks, self.class_values, index))
            made.append(as_pair(image[0], classes[0], self.class_values, index))
        return {"real": tuple(real), "reconstructed": tuple(made)}


def decoded(net: PairCoder, codes: torch.Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images (n, c, y, x) float32 and marks (n, y, x) int16 of codes."""
    with torch.no_grad():
        images, scores = net.decode(codes)
    marks = scores.argmax(dim=1).cpu().numpy().astype(np.int16)
    return images.float().cpu().numpy(), marks


def as_tensors(views: Sequence[View], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (n, c, y, x) and marks (n, y, x) of views of one shape."""
    images = torch.from_numpy(np.stack([view.image for view in views]))
    marks = torch.from_numpy(np.stack([view.marks for view in views]).astype(np.int64))
    return images.to(device), marks.to(device)


def as_pair(
    image: NDArray[Any],
    marks: NDArray[Any],
    class_values: Sequence[int],
    index: int,
) -> DualImage:
    """Return a dual image from normalized pixels (c, y, x) and marks (y, x)."""
    table = np.array([0, *class_values, UNKNOWN], np.int32)  # -1 is the last one
    pixels = np.array(image, np.float32, order="C")
    return DualImage(pixels, Labels.of_classes(table[marks]), index)


def perplexity(counts: NDArray[Any]) -> float:
    """Return the number of codes that, used alike, would be as varied as these."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def _alike(views: Sequence[View]) -> list[list[View]]:
    """Return views sorted into lists of one shape."""
    ordered = sorted(views, key=lambda view: view.shape)
    return [list(group) for _, group in groupby(ordered, key=lambda view: view.shape)]
