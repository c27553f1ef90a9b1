"""How near a pair comes to another one anywhere: over all shifts, flips and quarter turns.

A generator that learned by heart gives back pieces of what it saw. Nearness is measured on windows
of image and mask, reduced so far that grain plays no part, by correlation with everything at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synth.learned.views import View

REDUCED = 8
"""Pixels along an edge that are averaged."""

SMALLEST = 4
"""Windows of fewer reduced pixels along an edge tell nothing."""

PLAIN = 0.2
"""Variance below which a window counts as plain: all plain windows are alike, and no copies."""


@dataclass(frozen=True)
class Scale:
    """What makes channels and classes comparable: of each channel mean and spread, and counts."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    classes: int

    def features(self, view: View) -> FloatImage:
        """Return a view reduced, (channel + class, y, x)."""
        height, width = (n // REDUCED for n in view.shape)
        where = slice(0, height * REDUCED), slice(0, width * REDUCED)
        shape = (height, REDUCED, width, REDUCED)
        image = view.image[(slice(None), *where)].reshape(-1, *shape).mean(axis=(2, 4))
        column = (-1, 1, 1)
        image = (image - np.reshape(self.mean, column)) / np.reshape(self.spread, column)
        cells = view.marks[where].reshape(shape)
        shares = [(cells == c).mean(axis=(1, 3)) for c in range(self.classes)]
        return np.concatenate([image, np.stack(shares)]).astype(np.float32)


class Seen:
    """What windows are compared with."""

    def __init__(self, features: Sequence[FloatImage], edge: int) -> None:
        from scipy.fft import next_fast_len, rfft2

        self.edge = edge
        self.spectra = []
        for known in features:
            shape = tuple(next_fast_len(n, real=True) for n in known.shape[1:])
            energy = _window_variances(known, edge)
            self.spectra.append((rfft2(known, shape), shape, energy))

    def distance(self, window: FloatImage) -> float:
        """Return how far a window (feature, edge, edge) is from the nearest piece, 0..1.

        The squared difference as a share of the variance of both, each without its mean: 0 for a
        copy, 1 for things that have nothing to do with each other.
        """
        from scipy.fft import irfft2, rfft2

        window = window - window.mean(axis=(1, 2), keepdims=True)
        own, least = float((window**2).sum()), 2 * PLAIN * self.edge**2
        nearest = np.inf
        for way in range(8):
            turned = np.rot90(window, way % 4, axes=(1, 2))
            turned = turned[:, :, ::-1] if way >= 4 else turned
            for spectrum, shape, energy in self.spectra:
                product = (spectrum * np.conj(rfft2(turned, shape))).sum(axis=0)
                match = irfft2(product, shape)[: energy.shape[0], : energy.shape[1]]
                likeness = 2 * match / np.maximum(energy + own, least)
                nearest = min(nearest, 1 - float(likeness.max()))
        return max(nearest, 0.0)


def windows_of(features: FloatImage, edge: int) -> list[FloatImage]:
    """Return windows that cover all and overlap as little as that needs."""
    starts = [
        np.linspace(0, n - edge, -(-n // edge)).round().astype(int) for n in features.shape[1:]
    ]
    return [features[:, y : y + edge, x : x + edge] for y in starts[0] for x in starts[1]]


def nearest(features: FloatImage, seen: Seen) -> float:
    """Return the distance of that window which is nearest to something seen."""
    return min(seen.distance(window) for window in windows_of(features, seen.edge))


def _window_variances(features: FloatImage, edge: int) -> NDArray[np.float64]:
    """Return the squared deviations of each window from its mean, summed over all features."""
    squares, sums = _window_sums(features**2, edge), _window_sums(features, edge)
    out: NDArray[np.float64] = (squares - sums**2 / edge**2).sum(axis=0)
    return out


def _window_sums(values: FloatImage, edge: int) -> NDArray[np.float64]:
    """Return sums over all windows of (feature, y, x), by cumulated sums."""
    sums = np.cumsum(np.cumsum(values, axis=1, dtype=float), axis=2)
    sums = np.pad(sums, ((0, 0), (1, 0), (1, 0)))
    out: NDArray[np.float64] = (
        sums[:, edge:, edge:]
        - sums[:, :-edge, edge:]
        - sums[:, edge:, :-edge]
        + sums[:, :-edge, :-edge]
    )
    return out
