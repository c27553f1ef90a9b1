"""How near a pair comes to another one anywhere: over all shifts, flips and quarter turns.

A generator that learned by heart gives back pieces of what it saw. Nearness is measured on windows
of image and mask, reduced so far that grain plays no part, by correlation with everything at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synthesis.vqvae.views import View, even_crops

REDUCED = 8
"""Pixels along an edge that are averaged."""

SMALLEST = 4
"""Windows of fewer reduced pixels along an edge tell nothing."""

MIN_VARIANCE = 0.2
"""Variance below which a window counts as plain: all plain windows are alike, and no copies."""


COMPARED, PART = 4_000_000, 512
"""Pixels that windows are compared with at most, and the edge of parts that are taken of more."""


@dataclass(frozen=True)
class Scale:
    """What makes channels comparable: mean and spread of each, and the number of classes."""

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

    def fine_features(self, views: Sequence[View], window: int) -> list[FloatImage]:
        """Return features of views, and of the same moved by half a reduced pixel either way.

        A copy need not lie on the same raster. Of very many pixels, evenly spread parts are taken.
        Views too small for a window are left out.
        """
        if sum(view.marks.size for view in views) > COMPARED:
            views = even_crops(views, PART, PART, COMPARED // PART**2)
        found = []
        for view in views:
            for y, x in (
                (0, 0),
                (0, REDUCED // 2),
                (REDUCED // 2, 0),
                (REDUCED // 2, REDUCED // 2),
            ):
                height, width = (n - start for n, start in zip(view.shape, (y, x), strict=True))
                if min(height, width) >= window * REDUCED:
                    found.append(self.features(view.cut(y, x, height, width)))
        return found


class ReferenceIndex:
    """What windows are compared with."""

    def __init__(self, features: Sequence[FloatImage], edge: int) -> None:
        self.edge = edge
        self.known = [
            (torch.from_numpy(known)[None], torch.from_numpy(_window_variances(known, edge)))
            for known in features
        ]

    def distances(self, windows: Sequence[FloatImage]) -> NDArray[np.float64]:
        """Return how far each window (feature, edge, edge) is from the nearest piece, 0..1.

        The squared difference as a share of the variance of both, each without its mean: 0 for a
        copy, 1 for things that have nothing to do with each other.
        """
        kernels = np.stack([_turned(w - w.mean(axis=(1, 2), keepdims=True)) for w in windows])
        own = (kernels[:, :1] ** 2).sum(axis=(1, 2, 3, 4)).reshape(-1, 1, 1, 1)
        flat = torch.from_numpy(kernels.reshape(-1, *kernels.shape[2:]))
        likest = np.zeros(len(windows))
        with torch.inference_mode():
            for known, variances in self.known:
                match = torch.nn.functional.conv2d(known, flat)[0]
                match = match.reshape(len(windows), 8, *match.shape[1:])
                least = 2 * MIN_VARIANCE * self.edge**2
                likeness = 2 * match / (variances + torch.from_numpy(own)).clamp(min=least)
                likest = np.maximum(likest, likeness.amax(dim=(1, 2, 3)).numpy())
        return np.maximum(1 - likest, 0.0)


def _turned(window: FloatImage) -> FloatImage:
    """Return all 8 flips and quarter turns of a window, (8, feature, edge, edge)."""
    turns = [np.rot90(window, way, axes=(1, 2)) for way in range(4)]
    return np.stack([*turns, *(turn[:, :, ::-1] for turn in turns)])


def windows_of(features: FloatImage, edge: int) -> list[FloatImage]:
    """Return windows that cover all and overlap as little as that needs."""
    starts = [
        np.linspace(0, n - edge, -(-n // edge)).round().astype(int) for n in features.shape[1:]
    ]
    return [features[:, y : y + edge, x : x + edge] for y in starts[0] for x in starts[1]]


def nearest(features: FloatImage, seen: ReferenceIndex) -> float:
    """Return the distance of that window which is nearest to something seen."""
    return float(seen.distances(windows_of(features, seen.edge)).min())


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
