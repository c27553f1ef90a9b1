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

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.vqvae.fit_vqvae import decoded, encoded
from napari_synthseg.synthesis.vqvae.views import CELL, Marks, View, even_crops
from napari_synthseg.synthesis.vqvae.vqvae import PairCoder

PIECE, SEAM = 32, 8
"""Edge of a piece, and the width in which two pieces cross over, pixels."""

LOOKS = 24
"""Random places that a piece is chosen from."""

STORED = 6_000_000
"""Pixels of residuals that are kept at most."""

WINDOW = 16
"""Edge of the windows that spectra are measured on, pixels."""

PURE = 0.9
"""Share of a class in a window whose spectrum counts for that class."""


@dataclass(frozen=True, eq=False)
class NoiseResidual:
    """Real residuals and where they lie.

    Attributes
    ----------
    residual
        (n, channel, y, x) float16: real minus decoded images.
    decoded
        (n, channel, y / 4, x / 4) float16: what was decoded, reduced to cells.
    marks
        (n, y, x) int8: what was decoded, too.
    classes
        Number of classes with the background.
    """

    residual: NDArray[np.float16]
    decoded: NDArray[np.float16]
    marks: NDArray[np.int8]
    classes: int

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is kept."""
        return {"residual": self.residual, "decoded": self.decoded, "marks": self.marks}

    def make(
        self, kind: str, image: FloatImage, marks: Marks, rng: np.random.Generator, turns: bool
    ) -> FloatImage:
        """Return the residual of a decoded image (channel, y, x) and its marks (y, x)."""
        if kind == "none":
            return np.zeros_like(image)
        if kind == "noise":
            return self._noise(marks, rng)
        way = int(rng.integers(8)) if turns else 0
        target = View(image, marks).turned(way)
        quilt = View(self._quilt(target, rng), target.marks)
        return _back(quilt, way).image

    # --- pieces --------------------------------------------------------------------------------

    @cached_property
    def _features(self) -> FloatImage:
        """What places are compared by: (n, feature, y / 4, x / 4)."""
        shares = _cell_shares(self.marks, self.classes)
        scale = self.decoded.astype(np.float32).std(axis=(0, 2, 3), keepdims=True)
        self.__dict__["_scale"] = np.maximum(scale[0], 1e-3)
        return np.concatenate([self.decoded / np.maximum(scale, 1e-3), shares], axis=1)

    def _quilt(self, target: View, rng: np.random.Generator) -> FloatImage:
        bank = self._features
        shape = self.marks.shape[1:]
        piece = min(PIECE, min(shape) // CELL * CELL)
        step = piece - SEAM
        height, width = target.shape
        # the first seam lies outside: there a piece has no neighbor to cross over to
        rows, columns = (-(-(n + SEAM) // step) for n in (height, width))
        grown = [
            (SEAM, k * step - n) for k, n in zip((rows, columns), (height, width), strict=True)
        ]
        marks = np.pad(target.marks, grown, mode="symmetric")
        cells = _reduced(np.pad(target.image, ((0, 0), *grown), mode="symmetric"))
        cells = cells / self.__dict__["_scale"]
        wanted = np.concatenate([cells, _cell_shares(marks[None], self.classes)[0]])
        fade = _fade(piece)
        quilt = np.zeros((len(target.image), *marks.shape), np.float32)
        span = piece // CELL
        places = np.stack(
            [
                rng.integers(len(bank), size=(rows, columns, LOOKS)),
                rng.integers((shape[0] - piece) // CELL + 1, size=(rows, columns, LOOKS)),
                rng.integers((shape[1] - piece) // CELL + 1, size=(rows, columns, LOOKS)),
            ]
        )
        windows = sliding_window_view(bank, (span, span), axis=(2, 3))
        for row in range(rows):
            for column in range(columns):
                number, y, x = places[:, row, column]
                top, left = row * step, column * step
                where = (
                    slice(top // CELL, top // CELL + span),
                    slice(left // CELL, left // CELL + span),
                )
                looked = windows[number, :, y, x]
                costs = ((looked - wanted[(slice(None), *where)]) ** 2).sum(axis=(1, 2, 3))
                best = int(costs.argmin())
                n, y0, x0 = int(number[best]), int(y[best]) * CELL, int(x[best]) * CELL
                part = self.residual[n, :, y0 : y0 + piece, x0 : x0 + piece]
                quilt[:, top : top + piece, left : left + piece] += part * fade
        return quilt[:, SEAM : SEAM + height, SEAM : SEAM + width]

    # --- noise ---------------------------------------------------------------------------------

    @cached_property
    def _spectra(self) -> list[tuple[FloatImage, FloatImage, FloatImage]]:
        """For each class: amplitudes (channel, y, x) of a window, mixing of channels, and mean."""
        channels = self.residual.shape[1]
        flat = np.moveaxis(self.residual.astype(np.float32), 1, 0).reshape(channels, -1)
        marks = self.marks.ravel()
        tiles = _tiles(self.residual.astype(np.float32), self.marks)
        found = []
        for number in range(self.classes):
            mine = flat[:, marks == number] if np.any(marks == number) else flat
            pure = np.array([np.mean(m == number) >= PURE for _, m in tiles])
            chosen = [t for (t, _), p in zip(tiles, pure, strict=True) if p]
            if len(chosen) < 4:
                chosen = [t for t, _ in tiles]
            stack = np.stack(chosen)
            stack = stack - stack.mean(axis=(2, 3), keepdims=True)
            power = np.mean(np.abs(np.fft.fft2(stack)) ** 2, axis=0)
            amplitude = np.sqrt(power / np.maximum(power.mean(axis=(1, 2), keepdims=True), 1e-12))
            cov = np.atleast_2d(np.cov(mine)) + 1e-10 * np.eye(channels)
            mixing = np.linalg.cholesky(cov)
            mean = mine.mean(axis=1)
            found.append(tuple(a.astype(np.float32) for a in (amplitude, mixing, mean)))
        return found  # type: ignore[return-value]

    def _noise(self, marks: Marks, rng: np.random.Generator) -> FloatImage:
        shape = tuple(n + WINDOW for n in marks.shape)
        white = rng.standard_normal((self.residual.shape[1], *shape), np.float32)
        spectrum = np.fft.rfft2(white)
        out = np.zeros((len(white), *marks.shape), np.float32)
        for number, (amplitude, mixing, mean) in enumerate(self._spectra):
            where = marks == number
            if not where.any():
                continue
            kernel = np.fft.fftshift(np.fft.ifft2(amplitude).real, axes=(1, 2))
            padded = np.zeros((len(white), *shape), np.float32)
            padded[:, :WINDOW, :WINDOW] = kernel
            shaped = np.fft.irfft2(spectrum * np.fft.rfft2(padded), s=shape)
            shaped = shaped[:, WINDOW:, WINDOW:].astype(np.float32)
            mixed = np.einsum("dc,cyx->dyx", mixing, shaped) + mean[:, None, None]
            out[:, where] = mixed[:, where]
        return out


def measure_noise_residual(
    coder: PairCoder, views: Sequence[View], edge: int, device: torch.device
) -> Generator[Progress, None, NoiseResidual]:
    """Return what is lost of real images in coding; yield at each crop.

    Crops of one shape, as large as a training crop and more where images are.
    """
    side = max(min(2 * edge, min(min(v.shape) for v in views)) // CELL * CELL, edge)
    count = max(STORED // side**2, 1)
    residuals, cells, marks = [], [], []
    crops = even_crops(views, side, side, count)
    for number, view in enumerate(crops):
        yield Progress(number / len(crops), f"crop {number + 1} of {len(crops)}")
        image, mark = decoded(coder, encoded(coder, view, device))
        residuals.append((view.image - image[0]).astype(np.float16))
        cells.append(_reduced(image[0]).astype(np.float16))
        marks.append(mark[0].astype(np.int8))
    return NoiseResidual(
        np.stack(residuals), np.stack(cells), np.stack(marks), coder.design.classes
    )


def _reduced(image: FloatImage) -> FloatImage:
    channels, height, width = image.shape
    cells = image.reshape(channels, height // CELL, CELL, width // CELL, CELL)
    reduced: FloatImage = cells.mean(axis=(2, 4), dtype=np.float32)
    return reduced


def _cell_shares(marks: NDArray[np.integer], classes: int) -> FloatImage:
    """Return shares of classes (n, class, y / 4, x / 4)."""
    count, height, width = marks.shape
    cells = marks.reshape(count, height // CELL, CELL, width // CELL, CELL)
    shares = [(cells == c).mean(axis=(2, 4), dtype=np.float32) for c in range(classes)]
    return np.stack(shares, axis=1)


def _fade(piece: int) -> FloatImage:
    """Return weights (piece, piece) whose squares add up to 1 with the neighbors'."""
    ramp = np.sin((np.arange(SEAM) + 0.5) / SEAM * np.pi / 2)
    line = np.concatenate([ramp, np.ones(piece - 2 * SEAM), ramp[::-1]])
    return np.outer(line, line).astype(np.float32)


def _tiles(
    residual: FloatImage, marks: NDArray[np.int8]
) -> list[tuple[FloatImage, NDArray[np.int8]]]:
    tiles = []
    for r, m in zip(residual, marks, strict=True):
        for y in range(0, m.shape[0] - WINDOW + 1, WINDOW):
            for x in range(0, m.shape[1] - WINDOW + 1, WINDOW):
                where = slice(y, y + WINDOW), slice(x, x + WINDOW)
                tiles.append((r[(slice(None), *where)], m[where]))
    return tiles


def _back(view: View, way: int) -> View:
    """Undo `View.turned`."""
    if way >= 4:
        image, marks = view.image[:, :, ::-1], view.marks[:, ::-1]
        return View(image, marks).turned((-way) % 4)
    return view.turned((-way) % 4)
