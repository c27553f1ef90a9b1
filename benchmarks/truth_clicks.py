"""Clicks as a user would make them, derived from true masks, for measuring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects


def clicks_from_masks(
    ids: NDArray[np.integer], *, jitter: float = 0.1, seed: int = 0
) -> tuple[list[tuple[float, ...]], list[float]]:
    """Return a click for each object and the objects' diameters.

    A click lies at the object's innermost point, moved by up to `jitter` of the object's diameter
    along each axis. The diameter is that of the disk of equal area, pixels.
    """
    rng = np.random.default_rng(seed)
    clicks: list[tuple[float, ...]] = []
    diameters = []
    for instance, box in enumerate(find_objects(ids), start=1):
        if box is None:
            continue
        mask = np.pad(ids[box] == instance, 1)
        depth = distance_transform_edt(mask)
        innermost = np.array(np.unravel_index(depth.argmax(), depth.shape)) - 1
        diameter = 2 * float(np.sqrt(mask.sum() / np.pi))
        position = innermost + [s.start for s in box] + rng.uniform(-1, 1, 2) * jitter * diameter
        position = np.clip(position, 0, np.array(ids.shape) - 1)
        clicks.append(tuple(float(p) for p in position))
        diameters.append(diameter)
    return clicks, diameters
