"""Size, shape and brightness of single objects, in physical units where they are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef

Measures = Mapping[str, float]
"""Name of a measure, which ends in its unit -> value."""

_LENGTHS = {
    "equivalent_diameter": "equivalent_diameter_area",
    "feret_diameter": "feret_diameter_max",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
}
"""Our name of a length -> that of scikit-image."""

_RATIOS = ("eccentricity", "solidity")

_OF_THE_HULL = ("feret_diameter_max", "solidity")
"""What scikit-image measures on the convex hull."""


def measure_object(
    mask: NDArray[np.bool_], image: ImageRef, pixels: NDArray[Any] | None = None
) -> dict[str, float]:
    """Measure one object on its bounding box.

    Lengths are in the unit of the image, else in pixels (``_px``); areas in its square and volumes
    in its cube. Axes, eccentricity, Feret diameter and solidity are those of
    `skimage.measure.regionprops`: axes of the ellipse (ellipsoid) with the same second moments,
    the largest distance of two points of the outline, and the share of the convex hull.

    Parameters
    ----------
    mask
        Shape ([z,] y, x), with at least one pixel.
    image
        Says how large a pixel is.
    pixels
        The image there, (channel, [z,] y, x), as stored; None: brightness is not measured. Values
        that are not finite do not count.

    Returns
    -------
    What cannot be measured, such as the eccentricity of a volume, is left out.
    """
    from skimage.measure import regionprops

    size, unit = pixel_size(image)
    (region,) = regionprops(mask.astype(np.uint8), spacing=size)
    flat = mask.ndim == 2
    wanted = {f"area_{unit}2" if flat else f"volume_{unit}3": "area"}
    named = {f"{name}_{unit}": theirs for name, theirs in _LENGTHS.items()}
    named |= {name: name for name in (_RATIOS if flat else _RATIOS[1:])}
    has_hull = flat or _fills_space(mask)
    wanted |= {name: t for name, t in named.items() if has_hull or t not in _OF_THE_HULL}
    measures = {name: float(getattr(region, theirs)) for name, theirs in wanted.items()}
    for channel, plane in enumerate(() if pixels is None else pixels):
        values = plane[mask].astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            measures[f"mean_intensity_ch{channel}"] = float(values.mean())
    return {name: value for name, value in measures.items() if math.isfinite(value)}


def _fills_space(mask: NDArray[np.bool_]) -> bool:
    """Tell whether the pixels of a volume lie in more than one plane, so that they have a hull."""
    places = np.argwhere(mask)
    return bool(np.linalg.matrix_rank(places - places[0]) == 3)


def locate(center: Sequence[float], image: ImageRef) -> dict[str, float]:
    """Return a position ([z,] y, x) in the unit of the image, if it has one.

    As in pixels, the middle of the first pixel is at 0.
    """
    size, unit = pixel_size(image)
    if unit == "px":
        return {}
    axes = zip("zyx"[-len(size) :], center, size, strict=True)
    return {f"centroid_{axis}_{unit}": float(place * length) for axis, place, length in axes}


def pixel_size(image: ImageRef) -> tuple[tuple[float, ...], str]:
    """Return the size of a pixel along ([z,] y, x) and its unit: ones and "px" if not known."""
    if image.pixel_size is None or image.unit == "px":
        return image.spacing, "px"
    return tuple(float(size) for size in image.pixel_size[-image.ndim :]), image.unit
