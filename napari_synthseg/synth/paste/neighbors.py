"""How far the objects of the clicked images are from their nearest neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synth.paste.density import Density


def nearest_distances(positions: NDArray[np.float64]) -> FloatImage:
    """Return each position's distance to its nearest neighbor; none of fewer than two."""
    from scipy.spatial import cKDTree

    if len(positions) < 2:
        return np.zeros(0, np.float32)
    found, _ = cKDTree(positions).query(positions, k=2)
    distances: FloatImage = found[:, 1].astype(np.float32)
    return distances


def real_distances(density: Density) -> FloatImage | None:
    """Pool the neighbor distances of the exhaustively clicked images; None if there is none."""
    found = [nearest_distances(image.positions) for image in density.images if image.exhaustive]
    pooled = np.concatenate([*found, np.zeros(0, np.float32)])
    pooled = pooled[pooled > 0]
    return pooled if len(pooled) else None
