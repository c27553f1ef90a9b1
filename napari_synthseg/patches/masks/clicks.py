"""The clicks of an image and of its blocks, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage

WINDOW_RADII = 3.5
"""Reach of a window around a click, in radii of its class."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """Clicks inside one block.

    `positions` (n, ndim) in block pixels, order ([z,] y, x); `radii` (n, ndim) half a class
    diameter along each axis, pixels.
    """

    positions: NDArray[np.float64]
    radii: NDArray[np.float64]

    @classmethod
    def alike(cls, positions: NDArray[np.float64], radius: NDArray[np.float64]) -> Seeds:
        """Return seeds that all have the same radius, (ndim,)."""
        return cls(positions, np.broadcast_to(radius, positions.shape))

    def __len__(self) -> int:
        return len(self.positions)

    def pixels(self, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
        """Return the index of each click's pixel, one array per axis."""
        limit = np.array(shape) - 1
        return tuple(np.clip(np.round(self.positions), 0, limit).astype(np.int64).T)


@dataclass(frozen=True, eq=False)
class ImageClicks:
    """An image's pixels (channel, [z,] y, x) and its clicks, in pixels of that array.

    `positions` (n, ndim), `classes` (n,), `radii`: class value -> half a diameter along each axis.
    """

    pixels: FloatImage
    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    radii: Mapping[int, NDArray[np.float64]]

    def seeds(self, chosen: NDArray[np.int64], start: NDArray[np.int64]) -> Seeds:
        """Return some clicks, in pixels of a block that starts at `start`."""
        radii = np.array([self.radii[int(self.classes[n])] for n in chosen])
        return Seeds(self.positions[chosen] - start, radii.reshape(len(chosen), len(start)))

    def windows(self, value: int, most: int) -> list[tuple[slice, ...]]:
        """Return windows around at most so many clicks of a class, or all of a small image."""
        shape, reach = self.pixels.shape[1:], WINDOW_RADII * self.radii[value]
        mine = self.positions[self.classes == value]
        chosen = mine[:: max(1, -(-len(mine) // most))]
        if len(chosen) * np.prod(2 * reach) > np.prod(shape):
            return [tuple(slice(0, n) for n in shape)]
        return [
            tuple(
                slice(max(int(p - r), 0), min(int(p + r) + 2, n))
                for p, r, n in zip(position, reach, shape, strict=True)
            )
            for position in chosen
        ]

    def near(
        self, window: Sequence[slice], margin: NDArray[np.float64] | float = 0.0
    ) -> NDArray[np.int64]:
        """Return the numbers of the clicks inside a window and a margin around it."""
        # pixel centers lie at whole numbers
        low = np.array([s.start for s in window]) - 0.5 - margin
        high = np.array([s.stop for s in window]) - 0.5 + margin
        inside = ((self.positions >= low) & (self.positions < high)).all(axis=1)
        return np.flatnonzero(inside)
