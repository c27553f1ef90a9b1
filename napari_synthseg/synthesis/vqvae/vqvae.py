"""The network that turns an image and its mask into one grid of codes, and codes into both.

Joining image and mask and learning discrete codes of the pair is the idea of arXiv 2408.00707; the
VQ-VAE is that of arXiv 1711.00937. Its wording fits two ways of joining, and both are here:

stacked
    the mask's classes are further channels of the image. A code stands for what lies in one place
    of both, so that mask and image are aligned by construction. Ours: one channel for each class,
    judged by cross-entropy, instead of gray levels.
side by side
    image and mask are next to each other along x, as one picture. Ours: the picture has the
    channels of both, those of the image empty on the mask's side and the other way round, so that
    classes are no gray levels that could blend into a third one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, one_hot, pad

from napari_synthseg.core.labels import UNKNOWN

Joining = Literal["stacked", "side by side"]
Quantizer = Literal["ema", "fsq"]

LEVELS = ((4, 4), (4, 4, 4), (5, 5, 5), (8, 6, 5), (8, 8, 8), (8, 5, 5, 5), (8, 8, 6, 5))
"""Levels of finite scalar quantization for a growing number of codes."""


@dataclass(frozen=True)
class CoderDesign:
    """What the network looks like.

    `channels` are those of the image, `classes` the number of classes with the background, `codes`
    the size of the codebook (with "fsq": at most), `width` the number of features. Of the image,
    only what is left by a Gaussian of the width `smoothing` (standard deviation, pixels) is coded.
    """

    channels: int
    classes: int
    codes: int = 256
    joining: Joining = "stacked"
    quantizer: Quantizer = "ema"
    width: int = 64
    smoothing: float = 0.0

    @property
    def side_by_side(self) -> bool:
        """Whether image and mask are next to each other, instead of channels of one image."""
        return self.joining == "side by side"

    def grid_width(self, columns: int) -> int:
        """Return how many codes wide the grid of a pair is that is so many cells wide."""
        return 2 * columns if self.side_by_side else columns


class PairCoder(nn.Module):
    """A VQ-VAE over image and mask; one code for 4 x 4 pixels.

    Parameters
    ----------
    design
        What it looks like.
    mean, spread
        Mean and standard deviation of each image channel of the training images; inside, each
        channel has zero mean and unit variance.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    bell: torch.Tensor

    def __init__(self, design: CoderDesign, mean: Sequence[float], spread: Sequence[float]) -> None:
        super().__init__()
        self.design = design
        width, features = design.width, design.channels + design.classes
        self.register_buffer("mean", torch.tensor(list(mean)).reshape(1, -1, 1, 1))
        self.register_buffer("spread", torch.tensor(list(spread)).reshape(1, -1, 1, 1))
        self.register_buffer("bell", _bell(design.smoothing), persistent=False)
        self.encoder = nn.Sequential(
            nn.Conv2d(features, width // 2, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 4, 2, 1),
            _ResidualBlock(width),
            _ResidualBlock(width),
            nn.Conv2d(width, CODE_FEATURES, 1),
        )
        self.quantizer = _make_quantizer(design)
        self.decoder = nn.Sequential(
            nn.Conv2d(CODE_FEATURES, width, 3, 1, 1),
            _ResidualBlock(width),
            _ResidualBlock(width),
            nn.Conv2d(width, width * 2, 1),
            nn.PixelShuffle(2),
            nn.Conv2d(width // 2, width // 2, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(width // 2, features * 4, 3, 1, 1),
            nn.PixelShuffle(2),
        )

    @property
    def codes(self) -> int:
        """Size of the codebook."""
        return count_codes(self.design)

    def join(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return images (n, c, y, x) and masks (n, y, x) as what the encoder takes."""
        seen = self.coded(images)
        classes = one_hot(masks.clamp(min=0).long(), self.design.classes)
        classes = classes.permute(0, 3, 1, 2).to(seen.dtype) * (masks != UNKNOWN)[:, None]
        if not self.design.side_by_side:
            return torch.cat([seen, classes], dim=1)
        left = torch.cat([seen, torch.zeros_like(classes)], dim=1)
        right = torch.cat([torch.zeros_like(seen), classes], dim=1)
        return torch.cat([left, right], dim=3)

    def coded(self, images: torch.Tensor) -> torch.Tensor:
        """Return what is to be coded of images: in unit variance, without the finest detail."""
        seen = (images - self.mean) / self.spread
        reach = len(self.bell) // 2
        if not reach:
            return seen
        flat = seen.reshape(-1, 1, *seen.shape[2:])
        flat = pad(flat, (reach,) * 4, mode="replicate")
        flat = conv2d(conv2d(flat, self.bell[None, None, None]), self.bell[None, None, :, None])
        return flat.reshape(seen.shape)

    def part(self, output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the decoder's output as images in unit variance, and class scores."""
        channels = self.design.channels
        if not self.design.side_by_side:
            return output[:, :channels], output[:, channels:]
        left, right = output.chunk(2, dim=3)
        return left[:, :channels], right[:, channels:]

    def encode(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the codes of pairs (n, grid y, grid x); see `CoderDesign.grid_width`."""
        features = self.encoder(self.join(images, masks))
        _, codes, _ = self._quantize(features)
        return codes

    def decode(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return normalized images (n, c, y, x) and class scores (n, classes, y, x)."""
        quantizer: Any = self.quantizer
        if self.design.quantizer == "fsq":
            features = quantizer.indices_to_codes(codes)
        else:
            features = quantizer.get_codes_from_indices(codes)
        images, scores = self.part(self.decoder(features))
        return images * self.spread + self.mean, scores

    def forward(
        self, images: torch.Tensor, masks: torch.Tensor, *, quantize: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Return images in unit variance, class scores, codes, and the quantizer's own loss."""
        features = self.encoder(self.join(images, masks))
        codes, own = None, features.new_zeros(())
        if quantize:
            features, codes, own = self._quantize(features)
        return *self.part(self.decoder(features)), codes, own

    def _quantize(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.design.quantizer == "fsq":
            quantized, codes = self.quantizer(features)
            return quantized, codes.long(), features.new_zeros(())
        quantized, codes, own = self.quantizer(features)
        return quantized, codes.long(), own.sum()


CODE_FEATURES = 16
"""Features that a code stands for."""


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width // 2, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.body(x)
        return out


def _bell(width: float) -> torch.Tensor:
    """Return the weights of a Gaussian, an odd number of them; one where it has no width."""
    reach = math.ceil(3 * width)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / max(width, 1e-6)) ** 2)
    return weights / weights.sum()


def masked_entropy(scores: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy over pixels that are not `UNKNOWN`; 0 where all are."""
    known = (masks != UNKNOWN).sum().clamp(min=1)
    return cross_entropy(scores, masks.long(), ignore_index=UNKNOWN, reduction="sum") / known


def levels_for(codes: int) -> tuple[int, ...]:
    """Return the levels of finite scalar quantization that give at most so many codes."""
    return max((s for s in LEVELS if prod(s) <= max(codes, prod(LEVELS[0]))), key=prod)


def count_codes(design: CoderDesign) -> int:
    """Return the size of the codebook."""
    return design.codes if design.quantizer == "ema" else prod(levels_for(design.codes))


def _make_quantizer(design: CoderDesign) -> nn.Module:
    # here: it takes a second to import
    from vector_quantize_pytorch import FSQ, VectorQuantize

    made: nn.Module
    if design.quantizer == "fsq":
        levels = levels_for(design.codes)
        made = FSQ(list(levels), dim=CODE_FEATURES, channel_first=True)
    else:
        made = VectorQuantize(
            dim=CODE_FEATURES,
            codebook_size=design.codes,
            decay=0.95,
            kmeans_init=True,
            threshold_ema_dead_code=2,
            commitment_weight=0.25,
            accept_image_fmap=True,
        )
    return made
