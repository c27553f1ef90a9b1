"""How near a pair comes to another one anywhere: over all shifts, flips and quarter turns.

A generator that learned by heart gives back pieces of what it saw. Nearness is measured on windows
of image and mask, reduced so far that grain plays no part, by correlation with everything at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage, quarter_turned
from napari_synthseg.synthesis.vqvae.views import (
    MaskedView,
    block_means,
    class_shares,
    even_crops,
    even_starts,
)

REDUCTION_PX = 8
"""Pixels along an edge that are averaged."""

MIN_WINDOW_CELLS = 4
"""Windows of fewer reduced pixels along an edge tell nothing."""

MIN_VARIANCE = 0.2
"""Variance below which a window counts as plain: all plain windows are alike, and no copies."""

MAX_COMPARED_PX, PART_PX = 4_000_000, 512
"""Pixels that windows are compared with at most, and the edge of parts that are taken of more."""


@dataclass(frozen=True)
class ChannelScale:
    """What makes channels comparable: mean and spread of each, and the number of classes."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    classes: int

    def features(self, view: MaskedView) -> FloatImage:
        """Return a view reduced, (channel + class, y, x)."""
        column = (-1, 1, 1)
        image = block_means(view.image, REDUCTION_PX)
        image = (image - np.reshape(self.mean, column)) / np.reshape(self.spread, column)
        shares = class_shares(view.mask, self.classes, REDUCTION_PX)
        return np.concatenate([image, shares]).astype(np.float32)

    def fine_features(self, views: Sequence[MaskedView], window: int) -> list[FloatImage]:
        """Return features of views, and of the same moved by half a reduced pixel either way.

        A copy need not lie on the same raster. Of very many pixels, evenly spread parts are taken.
        Views too small for a window are left out.
        """
        if sum(view.mask.size for view in views) > MAX_COMPARED_PX:
            views = even_crops(views, PART_PX, MAX_COMPARED_PX // PART_PX**2)
        found = []
        for view in views:
            for y, x in product((0, REDUCTION_PX // 2), repeat=2):
                height, width = view.shape[0] - y, view.shape[1] - x
                if min(height, width) >= window * REDUCTION_PX:
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
        plain = np.stack([w - w.mean(axis=(1, 2), keepdims=True) for w in windows])
        kernels = np.stack([quarter_turned(plain, way) for way in range(8)], axis=1)
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


def windows_of(features: FloatImage, edge: int) -> list[FloatImage]:
    """Return windows that cover all and overlap as little as that needs."""
    tops, lefts = (even_starts(n, edge) for n in features.shape[1:])
    return [features[:, y : y + edge, x : x + edge] for y in tops for x in lefts]


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
