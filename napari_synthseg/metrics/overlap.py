"""Which true object shares how many pixels with which predicted one: all that masks can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.metrics.assignment import assign

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pairs of instances that share pixels, with their areas.

    Attributes
    ----------
    true_ids, predicted_ids
        Instance ids that occur, ascending, without 0.
    true_areas, predicted_areas
        Number of pixels of each of them.
    rows, columns
        Pair ``k`` joins ``true_ids[rows[k]]`` with ``predicted_ids[columns[k]]``.
    shared
        Number of pixels that each pair has in common, >= 1.
    """

    true_ids: Ids
    predicted_ids: Ids
    true_areas: Ids
    predicted_areas: Ids
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    shared: Ids

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair."""
        union = self.true_areas[self.rows] + self.predicted_areas[self.columns] - self.shared
        return np.asarray(self.shared / union, np.float64)

    def match(self, threshold: float, allowed: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Return the indices of the pairs that are a one-to-one match with IoU > `threshold`.

        Parameters
        ----------
        threshold
            At least 0, less than 1. From 0.5 on no object can have two partners; below, the
            largest possible number of matches is taken, then the largest sum of IoU.
        allowed
            Per pair, whether it may match at all (same class, for example).
        """
        iou = self.iou
        passes = iou > threshold
        if allowed is not None:
            passes &= allowed
        candidates = np.flatnonzero(passes)
        return candidates[assign(self.rows[candidates], self.columns[candidates], iou[candidates])]


def measure_overlap(true: NDArray[np.integer], predicted: NDArray[np.integer]) -> Overlap:
    """Count the pixels that each true and each predicted instance share.

    Parameters
    ----------
    true, predicted
        Instance ids of the same shape ([z,] y, x), 0 = background.

    Raises
    ------
    InputError
        If the shapes differ, or ids are not whole numbers from 0 to 2**31 - 1.
    """
    if true.shape != predicted.shape:
        raise InputError(
            f"Truth has shape {true.shape}, the prediction {predicted.shape}: "
            "both must cover the same pixels."
        )
    keys, pixels = np.unique(_pair_keys(true, predicted), return_counts=True)
    true_of, predicted_of = keys >> 32, keys & 0xFFFFFFFF
    true_ids, true_areas = _areas(true_of, pixels)
    predicted_ids, predicted_areas = _areas(predicted_of, pixels)
    both = (true_of > 0) & (predicted_of > 0)
    return Overlap(
        true_ids,
        predicted_ids,
        true_areas,
        predicted_areas,
        np.searchsorted(true_ids, true_of[both]),
        np.searchsorted(predicted_ids, predicted_of[both]),
        pixels[both].astype(np.int64),
    )


def _pair_keys(true: NDArray[np.integer], predicted: NDArray[np.integer]) -> Ids:
    """Return one number per pixel that is labeled on either side, made of both its ids."""
    for name, ids in (("truth", true), ("prediction", predicted)):
        if not np.issubdtype(ids.dtype, np.integer):
            raise InputError(f"The {name} holds {ids.dtype}: instance ids are whole numbers.")
        if ids.size and (ids.min() < 0 or ids.max() >= 2**31):
            raise InputError(f"The {name} holds ids outside 0 to 2147483647: renumber them.")
    labeled = (true > 0) | (predicted > 0)
    return (true[labeled].astype(np.int64) << 32) | predicted[labeled].astype(np.int64)


def _areas(ids: Ids, pixels: NDArray[np.intp]) -> tuple[Ids, Ids]:
    """Return the ids that occur and the number of pixels of each."""
    present, index = np.unique(ids, return_inverse=True)
    areas = np.bincount(index, weights=pixels, minlength=present.size).astype(np.int64)
    return present[present > 0], areas[present > 0]
