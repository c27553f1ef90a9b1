"""How well the outlines of regions agree: boundary pixels that have one of the other side nearby.

Definitions
-----------
A pixel is on the boundary of its class if a pixel that shares a side with it (a face, in a
volume) has another class. The edge of the image makes no boundary, and neither do pixels whose
truth is ignored: whatever was predicted there changes nothing.

Of one class, the *precision* is the share of the predicted boundary pixels that have a true one of
that class within the tolerance, and the *recall* the share of the true ones that have a predicted
one within it; both counted over all images. Distances are Euclidean, in pixels, from center to
center. The boundary F1 is their harmonic mean, 2 P R / (P + R), and 0 where both are 0.

Csurka et al., *What is a good evaluation measure for semantic segmentation?*, BMVC 2013, take the
mean over images instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.metrics.confusion import Codes
from napari_synthseg.metrics.counts import Addable


@dataclass(frozen=True)
class BoundaryCounts(Addable):
    """Boundary pixels of a class; ratios are taken last.

    Attributes
    ----------
    true, predicted
        Number of boundary pixels.
    true_near, predicted_near
        Those of them that have one of the other side within the tolerance.
    """

    true: int = 0
    predicted: int = 0
    true_near: int = 0
    predicted_near: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is no boundary on either side: then there is no F1."""
        return self.true == 0 and self.predicted == 0

    @property
    def f1(self) -> float:
        """Boundary F1; 0 where only one side has a boundary."""
        if not self.true or not self.predicted:
            return 0.0
        precision, recall = self.predicted_near / self.predicted, self.true_near / self.true
        both = precision + recall
        return 2 * precision * recall / both if both else 0.0


def count_boundaries(
    true: Codes, predicted: Codes, size: int, tolerance: float
) -> list[BoundaryCounts]:
    """Count the boundary pixels of each class on one image.

    Parameters
    ----------
    true, predicted
        Places of the classes, shape ([z,] y, x); a code of `size` or more marks pixels that are
        left out, the same on both sides.
    size
        Number of classes.
    tolerance
        Largest distance, in pixels.
    """
    sides = [np.where(find_boundary(codes, size), codes, size) for codes in (true, predicted)]
    counts = []
    for place in range(size):
        ours, theirs = (side == place for side in sides)
        near = [np.zeros_like(ours), np.zeros_like(ours)]
        if ours.any() and theirs.any():
            near = [ours & within(theirs, tolerance), theirs & within(ours, tolerance)]
        counts.append(BoundaryCounts(*(int(found.sum()) for found in (ours, theirs, *near))))
    return counts


def find_boundary(codes: Codes, size: int) -> NDArray[np.bool_]:
    """Return the pixels that share a side with a pixel of another class.

    Codes of `size` or more belong to no class.
    """
    found = np.zeros(codes.shape, np.bool_)
    for axis in range(codes.ndim):
        before, after = _along(axis, slice(None, -1)), _along(axis, slice(1, None))
        one, other = codes[before], codes[after]
        differ = (one != other) & (one < size) & (other < size)
        found[before] |= differ
        found[after] |= differ
    return found


def within(mask: NDArray[np.bool_], tolerance: float) -> NDArray[np.bool_]:
    """Return the pixels that have one of the mask within a Euclidean distance, in pixels.

    An exact distance transform that stops at the tolerance: squared distances are put together
    axis by axis, from no more neighbors than the tolerance reaches.
    """
    diagonal = sum(n**2 for n in mask.shape)
    limit = int(min(diagonal, tolerance**2 + 1e-9))  # sqrt(3) ** 2 is a little less than 3
    reach, far = math.isqrt(limit), limit + 1
    squared = np.where(mask, 0, far).astype(np.min_scalar_type(far + reach**2))
    for axis, length in enumerate(mask.shape):
        before = squared.copy()
        for step in range(1, min(reach, length - 1) + 1):
            front, back = _along(axis, slice(None, -step)), _along(axis, slice(step, None))
            for target, source in ((front, back), (back, front)):
                moved = before[source] + squared.dtype.type(step**2)
                np.minimum(squared[target], moved, out=squared[target])
    near: NDArray[np.bool_] = squared <= limit
    return near


def _along(axis: int, part: slice) -> tuple[Any, ...]:
    return (*([slice(None)] * axis), part)
