"""The noise residual: the fine detail that codes lose, put back as it was really lost.

A code stands for 16 pixels, so a decoded image is smooth: the real one minus its reconstruction is
mostly noise. Without it, a network that learns from decoded images meets noise for the first time
on real ones. Two ways, both ours:

quilted
    pieces of real residuals, each taken from where decoded image and mask look most like the place
    it is put on, among a few random places. It has the real distribution, and the detail at edges.
noise
    Gaussian noise with each class's spectrum, and the covariance of its channels.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage, Pixel
from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.vqvae.fit_vqvae import decoded, encoded
from napari_synthseg.synthesis.vqvae.views import (
    CELL_PX,
    ClassMask,
    MaskedView,
    block_means,
    class_shares,
    even_crops,
    mirrored,
)
from napari_synthseg.synthesis.vqvae.vqvae import PairCoder

PIECE_PX, SEAM_PX = 32, 8
"""Edge of a piece, and the width in which two pieces cross over."""

PLACES_TRIED = 24
"""Random places that a piece is chosen from."""

MAX_RESIDUAL_PX = 6_000_000
"""Pixels of residuals that are kept at most."""

TILE_PX = 16
"""Edge of the tiles that spectra are measured on."""

MIN_CLASS_SHARE = 0.9
"""Share of a class in a tile whose spectrum counts for that class."""


@dataclass(frozen=True, eq=False)
class NoiseResidual:
    """Real residuals and where they lie.

    Attributes
    ----------
    residual
        (n, channel, y, x) float16: real minus decoded images.
    decoded
        (n, channel, y / 4, x / 4) float16: what was decoded, reduced to cells.
    masks
        (n, y, x) int8: what was decoded, too.
    classes
        Number of classes with the background.
    """

    residual: NDArray[np.float16]
    decoded: NDArray[np.float16]
    masks: NDArray[np.int8]
    classes: int

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is kept."""
        return {"residual": self.residual, "decoded": self.decoded, "marks": self.masks}

    def make(
        self, kind: str, image: FloatImage, mask: ClassMask, rng: np.random.Generator, turns: bool
    ) -> FloatImage:
        """Return the residual of a decoded image (channel, y, x) and its mask (y, x)."""
        if kind == "none":
            return np.zeros_like(image)
        if kind == "noise":
            return self._noise(mask, rng)
        way = int(rng.integers(8)) if turns else 0
        target = MaskedView(image, mask).turned(way)
        return MaskedView(self._quilt(target, rng), target.mask).turned_back(way).image

    # --- pieces --------------------------------------------------------------------------------

    @cached_property
    def _scale(self) -> FloatImage:
        """Spread of each channel, (channel, 1, 1)."""
        spread = self.decoded.astype(np.float32).std(axis=(0, 2, 3), keepdims=True)
        scale: FloatImage = np.maximum(spread[0], 1e-3)
        return scale

    @cached_property
    def _features(self) -> FloatImage:
        """What places are compared by: (n, feature, y / 4, x / 4)."""
        shares = class_shares(self.masks, self.classes, CELL_PX)
        return np.concatenate([self.decoded / self._scale, shares], axis=1)

    def _quilt(self, target: MaskedView, rng: np.random.Generator) -> FloatImage:
        bank = self._features
        shape = self.masks.shape[1:]
        piece = min(PIECE_PX, min(shape) // CELL_PX * CELL_PX)
        step = piece - SEAM_PX
        height, width = target.shape
        # the first seam lies outside: there a piece has no neighbor to cross over to
        rows, columns = (-(-(n + SEAM_PX) // step) for n in (height, width))
        grown = [
            (SEAM_PX, k * step - n) for k, n in zip((rows, columns), (height, width), strict=True)
        ]
        mask = np.pad(target.mask, grown, mode="symmetric")
        cells = block_means(np.pad(target.image, ((0, 0), *grown), mode="symmetric"), CELL_PX)
        shares = class_shares(mask, self.classes, CELL_PX)
        wanted = np.concatenate([cells / self._scale, shares])
        fade = _fade(piece)
        quilt = np.zeros((len(target.image), *mask.shape), np.float32)
        span = piece // CELL_PX
        limits = (len(bank), *((n - piece) // CELL_PX + 1 for n in shape))
        places = np.stack([rng.integers(n, size=(rows, columns, PLACES_TRIED)) for n in limits])
        windows = sliding_window_view(bank, (span, span), axis=(2, 3))
        for row in range(rows):
            for column in range(columns):
                number, y, x = places[:, row, column]
                top, left = row * step, column * step
                where = np.s_[:, top // CELL_PX :, left // CELL_PX :]
                there = wanted[where][:, :span, :span]
                costs = ((windows[number, :, y, x] - there) ** 2).sum(axis=(1, 2, 3))
                best = int(costs.argmin())
                n, y0, x0 = int(number[best]), int(y[best]) * CELL_PX, int(x[best]) * CELL_PX
                part = self.residual[n, :, y0 : y0 + piece, x0 : x0 + piece]
                quilt[:, top : top + piece, left : left + piece] += part * fade
        return quilt[:, SEAM_PX : SEAM_PX + height, SEAM_PX : SEAM_PX + width]

    # --- noise ---------------------------------------------------------------------------------

    @cached_property
    def _spectra(self) -> list[tuple[FloatImage, FloatImage, FloatImage]]:
        """For each class: amplitudes (channel, y, x) of a window, mixing of channels, and mean."""
        residual = self.residual.astype(np.float32)
        channels = residual.shape[1]
        flat, mask = np.moveaxis(residual, 1, 0).reshape(channels, -1), self.masks.ravel()
        tiles, mask_tiles = _tiles(residual), _tiles(self.masks)
        found = []
        for number in range(self.classes):
            mine = flat[:, mask == number] if np.any(mask == number) else flat
            chosen = np.mean(mask_tiles == number, axis=(1, 2)) >= MIN_CLASS_SHARE
            stack = tiles[chosen] if np.count_nonzero(chosen) >= 4 else tiles
            stack = stack - stack.mean(axis=(2, 3), keepdims=True)
            power = np.mean(np.abs(np.fft.fft2(stack)) ** 2, axis=0)
            amplitude = np.sqrt(power / np.maximum(power.mean(axis=(1, 2), keepdims=True), 1e-12))
            cov = np.atleast_2d(np.cov(mine)) + 1e-10 * np.eye(channels)
            mixing = np.linalg.cholesky(cov)
            mean = mine.mean(axis=1)
            found.append(
                (amplitude.astype(np.float32), mixing.astype(np.float32), mean.astype(np.float32))
            )
        return found

    def _noise(self, mask: ClassMask, rng: np.random.Generator) -> FloatImage:
        shape = tuple(n + TILE_PX for n in mask.shape)
        white = rng.standard_normal((self.residual.shape[1], *shape), np.float32)
        spectrum = np.fft.rfft2(white)
        out = np.zeros((len(white), *mask.shape), np.float32)
        for number, (amplitude, mixing, mean) in enumerate(self._spectra):
            where = mask == number
            if not where.any():
                continue
            kernel = np.fft.fftshift(np.fft.ifft2(amplitude).real, axes=(1, 2))
            padded = np.zeros((len(white), *shape), np.float32)
            padded[:, :TILE_PX, :TILE_PX] = kernel
            shaped = np.fft.irfft2(spectrum * np.fft.rfft2(padded), s=shape)
            shaped = shaped[:, TILE_PX:, TILE_PX:].astype(np.float32)
            mixed = np.einsum("dc,cyx->dyx", mixing, shaped) + mean[:, None, None]
            out[:, where] = mixed[:, where]
        return out


def measure_noise_residual(
    coder: PairCoder, views: Sequence[MaskedView], edge: int, device: torch.device
) -> Generator[Progress, None, NoiseResidual]:
    """Return what is lost of real images in coding; yield at each crop.

    Crops of one shape, as large as a training crop and more where images are; smaller images are
    mirrored at their borders.
    """
    side = max(min(2 * edge, min(min(v.shape) for v in views)) // CELL_PX * CELL_PX, edge)
    residuals, cells, masks = [], [], []
    crops = even_crops(
        [mirrored(view, side) for view in views], side, max(MAX_RESIDUAL_PX // side**2, 1)
    )
    for number, view in enumerate(crops):
        yield Progress(number / len(crops), f"crop {number + 1} of {len(crops)}")
        (image,), (mask,) = decoded(coder, encoded(coder, view, device))
        residuals.append((view.image - image).astype(np.float16))
        cells.append(block_means(image, CELL_PX).astype(np.float16))
        masks.append(mask.astype(np.int8))
    return NoiseResidual(
        np.stack(residuals), np.stack(cells), np.stack(masks), coder.design.classes
    )


def _fade(piece: int) -> FloatImage:
    """Return weights (piece, piece) whose squares add up to 1 with the neighbors'."""
    ramp = np.sin((np.arange(SEAM_PX) + 0.5) / SEAM_PX * np.pi / 2)
    line = np.concatenate([ramp, np.ones(piece - 2 * SEAM_PX), ramp[::-1]])
    return np.outer(line, line).astype(np.float32)


def _tiles(array: NDArray[Pixel]) -> NDArray[Pixel]:
    """Return whole tiles of (n, [channel,] y, x) as (tile, [channel,] y, x)."""
    rows, columns = (n // TILE_PX for n in array.shape[-2:])
    whole = array[..., : rows * TILE_PX, : columns * TILE_PX]
    tiles = whole.reshape(*array.shape[:-2], rows, TILE_PX, columns, TILE_PX)
    tiles = np.moveaxis(tiles, (-4, -2), (1, 2))
    return tiles.reshape(-1, *tiles.shape[3:])
