"""Boxes near others, among very many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_synthseg.core.geometry import Region


class Neighbors:
    """Finds the boxes that meet another.

    Parameters
    ----------
    boxes
        All of one image.
    """

    def __init__(self, boxes: Sequence[Region]) -> None:
        from scipy.spatial import cKDTree  # here: the panel shall open without

        bounds = np.array(boxes, float)
        self._low = bounds[..., 0] if len(boxes) else np.zeros((0, 2))
        self._high = bounds[..., 1] if len(boxes) else np.zeros((0, 2))
        halves = (self._high - self._low).max(axis=1, initial=0) / 2
        self._reach = float(halves.max(initial=0))
        self._tree = cKDTree((self._low + self._high) / 2) if len(boxes) else None

    def meeting(self, box: Region) -> list[int]:
        """Return the numbers of the boxes that meet a box, in ascending order."""
        if self._tree is None:
            return []
        low, high = np.array(box, float).T
        reach = (high - low).max() / 2 + self._reach
        near = np.array(self._tree.query_ball_point((low + high) / 2, reach, p=np.inf), int)
        meets = ((self._low[near] < high) & (self._high[near] > low)).all(axis=1)
        return sorted(near[meets].tolist())
