"""Where the objects go: scattered, or one against another, never covering too much."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TRIES = 12
"""Places that are tried for an object before it is given up."""

LEAST_VISIBLE = 4
"""Fewer visible pixels than this are no object."""


@dataclass(eq=False)
class Field:
    """A dual image's labels while objects are being put down.

    `centers` and `reaches` (half the mean edge of the sprite) are of the objects so far; `areas`
    are the visible pixels of each id (0 for the background).
    """

    ids: NDArray[np.int32]
    centers: list[NDArray[np.float64]] = field(default_factory=list)
    reaches: list[float] = field(default_factory=list)
    areas: list[int] = field(default_factory=lambda: [0])

    def window(
        self, corner: NDArray[np.int64], shape: tuple[int, ...]
    ) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
        """Return where a sprite at `corner` shows: slices of the field and of the sprite."""
        outer, inner = [], []
        for c, n, limit in zip(corner.tolist(), shape, self.ids.shape, strict=True):
            start, stop = max(c, 0), min(c + n, limit)
            if start >= stop:
                return None
            outer.append(slice(start, stop))
            inner.append(slice(start - c, stop - c))
        return tuple(outer), tuple(inner)

    def fits(self, corner: NDArray[np.int64], mask: NDArray[np.bool_], overlap: float) -> bool:
        """Tell whether an object may lie here: visible, and hardly covering or covered."""
        cut = self.window(corner, mask.shape)
        if cut is None:
            return False
        labels, shown = self.ids[cut[0]], mask[cut[1]]
        if labels.size == mask.size and not labels.any():
            return True
        below = labels[shown]
        if below.size < LEAST_VISIBLE:
            return False
        covered = np.bincount(below)
        if len(covered) == 1:
            return True
        if below.size - covered[0] > overlap * below.size:
            return False
        return all(covered[i] <= overlap * self.areas[i] for i in np.flatnonzero(covered[1:]) + 1)

    def put(self, corner: NDArray[np.int64], mask: NDArray[np.bool_]) -> int:
        """Put an object down and return its id."""
        outer, inner = self.window(corner, mask.shape) or ((), ())
        number = len(self.areas)
        shown = mask[inner]
        labels = self.ids[outer]
        for i, lost in enumerate(np.bincount(labels[shown])):
            if i and lost:
                self.areas[i] -= int(lost)
        labels[shown] = number
        self.areas.append(int(np.count_nonzero(shown)))
        self.centers.append(corner + np.array(mask.shape) / 2)
        self.reaches.append(float(np.mean(mask.shape[-2:])) / 2)
        return number


def find_place(
    rng: np.random.Generator,
    scene: Field,
    mask: NDArray[np.bool_],
    overlap: float,
    clustering: float,
) -> NDArray[np.int64] | None:
    """Return the corner for an object, or None where no place was found.

    With probability `clustering` it is pushed against an object that is there already.
    """
    half = np.array(mask.shape) / 2
    against = bool(scene.centers) and rng.random() < clustering
    for _ in range(TRIES):
        if against:
            corner = _against(rng, scene, mask, overlap)
            if corner is not None:
                return corner
            continue
        center = rng.uniform(-0.35 * half, np.array(scene.ids.shape) + 0.35 * half)
        corner = np.floor(center - half).astype(np.int64)
        if scene.fits(corner, mask, overlap):
            return corner
    return None


def _against(
    rng: np.random.Generator, scene: Field, mask: NDArray[np.bool_], overlap: float
) -> NDArray[np.int64] | None:
    """Move away from a present object, in a random direction, to the first place that fits."""
    anchor = int(rng.integers(len(scene.centers)))
    direction = rng.standard_normal(mask.ndim)
    direction /= np.linalg.norm(direction) + 1e-9
    reach = scene.reaches[anchor] + float(np.mean(mask.shape[-2:])) / 2
    half = np.array(mask.shape) / 2
    step = max(1.0, 0.04 * reach)
    for distance in np.arange(0.4 * reach, 1.5 * reach, step):
        center = scene.centers[anchor] + distance * direction
        if (center < 0).any() or (center >= scene.ids.shape).any():
            return None
        corner = np.floor(center - half).astype(np.int64)
        if scene.fits(corner, mask, overlap):
            return corner
    return None
