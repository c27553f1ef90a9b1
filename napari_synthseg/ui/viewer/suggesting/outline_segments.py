"""Outlines as straight pieces, as napari's Vectors layer shows them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.patch import Outline

MOST_PIECES = 160
"""Pieces of an outline: a longer one is shown by so many corners."""


def outline_segments(outline: Outline, plane: float | None = None) -> NDArray[np.float32]:
    """Return the outline of an object as vectors, (n, 2, axes): where each begins, and its way.

    Of a volume it is the outline in the plane `plane`.
    """
    from skimage.measure import find_contours

    mask, origin = outline.mask, np.array(outline.origin, np.float32)
    ndim = mask.ndim
    if ndim == 3:
        assert plane is not None
        number = round(plane) - outline.origin[0]
        mask = mask[min(max(number, 0), len(mask) - 1)]
    pieces = []
    for line in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        corners = line[:: max(1, len(line) // MOST_PIECES)] - 1 + origin[-2:]
        if len(corners) < 3:
            continue
        corners = np.concatenate([corners, corners[:1]])
        pieces.append(np.stack([corners[:-1], np.diff(corners, axis=0)], axis=1))
    flat = np.concatenate(pieces) if pieces else np.zeros((0, 2, 2))
    if ndim == 3:
        depth = np.zeros((len(flat), 2, 1))
        depth[:, 0] = plane
        flat = np.concatenate([depth, flat], axis=2)
    return flat.astype(np.float32)
