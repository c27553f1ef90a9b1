"""How far a patch can be trusted, judged without any truth, with the reasons in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.pixels import FloatImage

CUT_OFF = "cut off by the image's border"


@dataclass(frozen=True)
class Grade:
    """A quality between 0 and 1, and why it is less than 1."""

    quality: float
    reasons: tuple[str, ...]


def grade_mask(
    likeness: FloatImage,
    mask: NDArray[np.bool_],
    center: tuple[float, ...],
    radius: tuple[float, ...],
    touches_border: bool,
) -> Grade:
    """Grade one mask in its window.

    Parameters
    ----------
    likeness
        Shape ([z,] y, x): about 0 in the surroundings, about 1 in objects.
    mask
        Same shape.
    center
        Position of the click, window pixels.
    radius
        Half the class diameter along each axis, pixels.
    touches_border
        The image's border cuts the object off.
    """
    if not mask.any():
        return Grade(0.0, ("no object was found under the click",))
    quality, reasons = 1.0, []
    expected = ball(radius)
    ratio = np.count_nonzero(mask) / expected
    if ratio < 0.35 and not touches_border:
        quality *= max(0.2, ratio / 0.35)
        reasons.append("much smaller than the class diameter")
    elif ratio > 2.5:
        quality *= max(0.2, 2.5 / ratio)
        reasons.append("much larger than the class diameter")
    clear = _edge_contrast(likeness, mask)
    if clear < 0.35:
        quality *= max(0.1, clear / 0.35)
        reasons.append("hardly stands out from its surroundings")
    centroid = np.array(ndimage.center_of_mass(mask))
    off = float(np.sqrt((((centroid - center) / np.asarray(radius)) ** 2).sum()))
    if off > 0.6 and not touches_border:
        quality *= max(0.4, 1.2 - off / 2)
        reasons.append("the click lies off the object's center")
    if (solid := _solidity(mask)) < 0.85:
        quality *= max(0.2, 1 - 3 * (0.85 - solid))
        reasons.append("ragged or bent outline")
    if touches_border:
        reasons.append(CUT_OFF)
    return Grade(round(float(quality), 3), tuple(reasons))


def ball(radius: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the volume (area) of an ellipsoid."""
    unit = np.pi if len(radius) == 2 else 4 / 3 * np.pi
    return float(unit * np.prod(radius))


def _edge_contrast(likeness: FloatImage, mask: NDArray[np.bool_]) -> float:
    """Return how much likeness falls from inside the mask to just outside it."""
    rim = ndimage.binary_dilation(mask, iterations=3) & ~ndimage.binary_dilation(mask)
    inside = float(np.median(likeness[mask]))
    return inside - float(np.median(likeness[rim])) if rim.any() else 0.0


def _solidity(mask: NDArray[np.bool_]) -> float:
    """Return the mask's share of its convex hull."""
    from scipy.spatial import ConvexHull, QhullError

    corners = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    shifts = np.array(list(product((-0.5, 0.5), repeat=mask.ndim)))
    spread = (corners[:, None] + shifts).reshape(-1, mask.ndim)
    try:
        return float(np.count_nonzero(mask) / ConvexHull(spread).volume)
    except QhullError:
        return 1.0
