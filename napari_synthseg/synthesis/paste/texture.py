"""Textures made anew: the grain of a real background, with another arrangement at each drawing.

The phases of the grain's Fourier transform are drawn at random, the same for all channels; what is
left of the real background is its power spectrum and how its channels go together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_synthseg.core.pixels import FloatImage

CANDIDATES = 16
"""Windows that are looked at; the one with the most valid pixels is measured."""


@dataclass(frozen=True, eq=False)
class Texture:
    """The spectrum of a background's grain, (channel, *half spectrum), and its spatial shape."""

    spectrum: NDArray[np.complex64]
    shape: tuple[int, ...]

    @classmethod
    def measure(
        cls, grain: FloatImage, valid: NDArray[np.bool_], shape: tuple[int, ...]
    ) -> Texture:
        """Measure the grain, (channel, [z,] y, x), on valid pixels of one window of `shape`."""
        where = _best_window(valid, shape)
        mask = valid[where]
        known = np.where(mask, grain[(slice(None), *where)], 0)
        share = max(float(mask.mean()), 1e-6)
        known -= known.mean(axis=tuple(range(1, known.ndim)), keepdims=True) / share * mask
        deviation = np.sqrt(np.mean(known**2, axis=tuple(range(1, known.ndim))) / share)
        taper = np.ones(shape, np.float32)
        for axis, n in enumerate(shape[-2:], start=len(shape) - 2):
            ramp = np.sin(np.pi * (np.arange(n) + 0.5) / n).astype(np.float32)
            taper *= ramp.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        axes = tuple(range(1, known.ndim))
        spectrum = fft.rfftn(known * taper, axes=axes)
        spectrum[(slice(None), *(0,) * len(shape))] = 0
        plain = fft.irfftn(spectrum, s=shape, axes=axes)
        power = np.sqrt(np.mean(plain**2, axis=axes))
        scale = np.where(power > 0, deviation / np.maximum(power, 1e-12), 0)
        columns = (-1,) + (1,) * len(shape)
        return cls((spectrum * scale.reshape(columns)).astype(np.complex64), shape)

    @property
    def nbytes(self) -> int:
        """Memory that the spectrum takes."""
        return self.spectrum.nbytes

    def draw(self, rng: np.random.Generator) -> FloatImage:
        """Draw a texture, (channel, *shape) float32."""
        noise = fft.rfftn(rng.standard_normal(self.shape, np.float32))
        noise /= np.maximum(np.abs(noise), 1e-12)
        axes = tuple(range(1, self.spectrum.ndim))
        drawn: FloatImage = fft.irfftn(self.spectrum * noise, s=self.shape, axes=axes)
        return drawn.astype(np.float32, copy=False)


def _best_window(valid: NDArray[np.bool_], shape: tuple[int, ...]) -> tuple[slice, ...]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(CANDIDATES):
        starts = [int(rng.integers(n - m + 1)) for n, m in zip(valid.shape, shape, strict=True)]
        found.append(tuple(slice(s, s + m) for s, m in zip(starts, shape, strict=True)))
    return max(found, key=lambda where: float(valid[where].mean()))
