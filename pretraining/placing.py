"""Where objects lie: apart, touching, clustered, heaped, in rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ARRANGEMENTS = ("apart", "touching", "clustered", "heaped", "ordered", "crowded")


def place_objects(
    kind: str, shape: tuple[int, int], diameters: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return places (n, (y, x)) of up to ``len(diameters)`` objects; some reach over the border.

    Those that find no place are left out: the i-th place belongs to the i-th diameter, NaN where
    there is none.
    """
    extent = np.array(shape, float)
    if kind == "ordered":
        return _ordered(extent, diameters, rng)
    gap = {"apart": 1.25, "touching": 0.92, "clustered": 0.88, "heaped": 0.45, "crowded": 0.8}[kind]
    tries = {"apart": 6, "touching": 12, "clustered": 12, "heaped": 3, "crowded": 30}[kind]
    candidates = rng.uniform(-0.05, 1.05, (len(diameters), tries, 2)) * extent
    if kind == "clustered":
        count = max(1, int(len(diameters) / rng.uniform(3, 12)))
        middles = rng.uniform(0, 1, (count, 2)) * extent
        which = rng.integers(count, size=(len(diameters), tries))
        width = np.median(diameters) * rng.uniform(0.6, 1.8)
        candidates = middles[which] + rng.normal(0, width, candidates.shape)
    places = np.full((len(diameters), 2), np.nan)
    for n, own in enumerate(candidates):
        if n == 0:
            places[0] = own[0]
            continue
        apart = gap * (diameters[:n] + diameters[n]) / 2
        away = np.hypot(
            own[:, None, 0] - places[None, :n, 0], own[:, None, 1] - places[None, :n, 1]
        )
        free = np.flatnonzero(~(away < apart).any(axis=1))  # NaN is no obstacle
        if not len(free):
            continue
        chosen = free[0]
        if kind in ("touching", "crowded"):  # as near to the others as there is room
            chosen = free[np.nanmin(away[free] - apart, axis=1).argmin()]
        places[n] = own[chosen]
    return places


def _ordered(
    extent: NDArray[np.float64], diameters: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    pitch = np.median(diameters) * rng.uniform(0.95, 1.5)
    count = int(np.ceil(1.5 * extent.max() / pitch))
    grid = np.stack(np.meshgrid(*[np.arange(-count, count) * pitch] * 2, indexing="ij"), -1)
    if rng.random() < 0.5:  # hexagonal
        grid[1::2, :, 1] += pitch / 2
        grid[..., 0] *= np.sqrt(3) / 2
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spots = grid.reshape(-1, 2) @ turn + extent / 2
    spots += rng.normal(0, pitch * rng.uniform(0, 0.15), spots.shape)
    inside = ((spots > -0.05 * extent) & (spots < 1.05 * extent)).all(axis=1)
    spots = rng.permutation(spots[inside & (rng.random(len(spots)) > rng.choice([0, 0.1, 0.4]))])
    places = np.full((len(diameters), 2), np.nan)
    count = min(len(spots), len(diameters))
    places[:count] = spots[:count]
    return places
