"""How objects lie to one another: label maps of the clicked images, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synthesis.paste.density import Density

CONTACT = 2
"""Objects this close along an axis (pixels) count as touching."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The objects of one clicked image as a label map.

    `ids` ([z,] y, x) holds 1 + the place of the object's patch in `PatchLibrary.patches`;
    `origin` is the full-image position of its first pixel.
    """

    ids: NDArray[np.int32]
    origin: tuple[int, ...]
    exhaustive: bool


def real_layout(library: PatchLibrary) -> Mapping[str, Layout]:
    """Paint the masks of all patches, image by image."""
    exhaustive = {s.image: s.exhaustive for s in library.statistics}
    layouts = {
        b.image: Layout(np.zeros(b.valid.shape, np.int32), b.origin, exhaustive[b.image])
        for b in library.backgrounds
    }
    for number, patch in enumerate(library.patches, start=1):
        layout = layouts[patch.image]
        where = np.nonzero(patch.mask)
        place = tuple(w + o - s for w, o, s in zip(where, patch.origin, layout.origin, strict=True))
        layout.ids[place] = number
    return layouts


def touching(ids: NDArray[np.int32]) -> tuple[int, int]:
    """Count the objects of a label map that touch another one, and all objects."""
    found: list[NDArray[np.int32]] = []
    for axis in range(ids.ndim):
        turned = np.moveaxis(ids, axis, 0)
        for step in range(1, CONTACT + 1):
            one, other = turned[:-step], turned[step:]
            close = (one != other) & (one > 0) & (other > 0)
            found += [one[close], other[close]]
    present = np.unique(ids)
    return len(np.unique(np.concatenate(found))), int(np.count_nonzero(present))


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
