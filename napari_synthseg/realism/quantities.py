"""What is measured on a window: each quantity gives some values, whose distribution is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, mean
from scipy.spatial import cKDTree
from skimage.segmentation import clear_border, find_boundaries

from napari_synthseg.core.geometry import ball
from napari_synthseg.patches.fine_detail import finest_detail
from napari_synthseg.realism.view import FieldView

Values = NDArray[np.float64]

RIM_PX = 2.0
"""Pixels this close to an object are neither object nor background."""

RING_PX = 6.0
"""The surroundings of an object reach this far, pixels."""

MAX_PIXELS = 4000
"""Most pixels that are drawn from a window for the distribution of intensities."""

BLOCK_PX, MIN_BLOCK_PIXELS = 32, 30
"""Grain is measured in blocks of this edge, and in no fewer pixels than this."""


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """A window with what several quantities need of it.

    Attributes
    ----------
    outside
        Distance of each background pixel to the nearest object, 0 inside, pixels.
    inside
        Distance of each object pixel to the edge of its object, 0 outside, pixels.
    owner
        Id of the nearest object at each pixel.
    whole
        Ids of the objects that the window's border does not cut.
    """

    view: FieldView
    outside: Values
    inside: Values
    owner: NDArray[np.int32]
    whole: NDArray[np.int32]

    @cached_property
    def background(self) -> NDArray[np.bool_]:
        """The background pixels away from objects."""
        away: NDArray[np.bool_] = self.view.background & (self.outside > RIM_PX)
        return away


def extract_features(view: FieldView) -> ImageFeatures:
    """Measure the distances to and in objects."""
    ids = view.ids
    if not ids.any():
        far = np.full(ids.shape, np.inf)
        return ImageFeatures(view, far, np.zeros(ids.shape), ids, np.zeros(0, np.int32))
    outside, nearest = distance_transform_edt(ids == 0, view.spacing, return_indices=True)
    inner = (ids > 0) & ~find_boundaries(ids, mode="inner")
    inside = distance_transform_edt(inner, view.spacing) + (ids > 0)
    uncut = clear_border(ids.squeeze())  # a single plane does not cut what lies in it
    return ImageFeatures(view, outside, inside, ids[tuple(nearest)], np.unique(uncut[uncut > 0]))


Where = Callable[[ImageFeatures], NDArray[np.bool_]]


def _intensity(where: Where, features: ImageFeatures, channel: int) -> Values:
    """Return the intensities of some pixels, drawn at random where they are many."""
    values: NDArray[np.float32] = features.view.image[channel][where(features)]
    if len(values) > MAX_PIXELS:
        values = values[np.random.default_rng(0).integers(0, len(values), MAX_PIXELS)]
    return values.astype(np.float64)


def _grain(where: Where, features: ImageFeatures, channel: int) -> Values:
    """Return a robust standard deviation of the finest detail for each block of some pixels."""
    fine = finest_detail(features.view.image[channel], "mirror")
    planes = (array.reshape(-1, *array.shape[-2:]) for array in (fine, where(features)))
    found = []
    for plane, mask in zip(*planes, strict=True):
        for y in range(0, plane.shape[0], BLOCK_PX):
            for x in range(0, plane.shape[1], BLOCK_PX):
                block = slice(y, y + BLOCK_PX), slice(x, x + BLOCK_PX)
                values = plane[block][mask[block]]
                if len(values) >= MIN_BLOCK_PIXELS:
                    found.append(1.4826 * np.median(np.abs(values - np.median(values))))
    return np.array(found, float)


def _contrasts(features: ImageFeatures, channel: int) -> Values:
    """Return mean inside minus mean around for each whole object; NaN without surroundings."""
    image, ids, whole = features.view.image[channel], features.view.ids, features.whole
    if not len(whole):
        return np.zeros(0)
    ring = (ids == 0) & (features.outside > RIM_PX) & (features.outside <= RING_PX)
    around = np.where(ring, features.owner, 0)
    seen = np.isin(whole, around)
    result = np.full(len(whole), np.nan)
    here = whole[seen]
    if len(here):
        result[seen] = np.asarray(mean(image, ids, here)) - np.asarray(mean(image, around, here))
    return result


def _contrast(features: ImageFeatures, channel: int) -> Values:
    found = _contrasts(features, channel)
    return found[np.isfinite(found)]


def _steepness(features: ImageFeatures, channel: int) -> Values:
    """Return the fall of intensity across each object's edge, as a share of its contrast."""
    contrast = _contrasts(features, channel)
    good = np.isfinite(contrast)
    good[good] &= np.abs(contrast[good]) > 0.05
    if not good.any():
        return np.zeros(0)
    axes = [a for a, n in enumerate(features.view.shape) if n > 2]
    steps = [features.view.spacing[a] for a in axes]
    away = np.atleast_2d(
        np.gradient(features.outside - np.maximum(features.inside - 0.5, 0), *steps, axis=axes)
    ).reshape(len(axes), *features.view.shape)
    slope = np.reshape(np.gradient(features.view.image[channel], *steps, axis=axes), away.shape)
    length = np.maximum(np.sqrt((away**2).sum(0)), 1e-6)
    fall = -(slope * away).sum(0) / length
    rim = ((features.inside > 0) & (features.inside <= 1)) | (
        (features.outside > 0) & (features.outside <= 1)
    )
    owner = np.where(rim, features.owner, 0)
    found = np.asarray(mean(fall, owner, features.whole[good])) / contrast[good]
    return np.clip(found[np.isfinite(found)], -1, 2)


def _diameters(features: ImageFeatures, channel: int) -> Values:
    """Return the diameter of the disk (ball) as large as each whole object."""
    ndim, spacing = features.view.ids.ndim, features.view.spacing
    sizes = np.bincount(features.view.ids.ravel(), minlength=1)[features.whole] * np.prod(spacing)
    diameters: Values = 2 * (sizes / ball([1.0] * ndim)) ** (1 / ndim)
    return diameters


def _density(features: ImageFeatures, channel: int) -> Values:
    """Return the number of objects in a square (cube) of 100 pixels' edge."""
    volume = np.prod(features.view.shape) * np.prod(features.view.spacing)
    return np.array([len(features.view.centers()) * 100.0**features.view.ids.ndim / volume])


def _neighbors(features: ImageFeatures, channel: int) -> Values:
    centers = features.view.centers() * features.view.spacing
    if len(centers) < 2:
        return np.zeros(0)
    return np.asarray(cKDTree(centers).query(centers, k=2)[0][:, 1], float)


@dataclass(frozen=True)
class Quantity:
    """Something to measure.

    `measure` gives its values on a window, `meaning` says in words what it is. Without
    `per_channel` it is measured once, with `complete` only where every object is known.
    """

    name: str
    title: str
    unit: str
    meaning: str
    measure: Callable[[ImageFeatures, int], Values]
    per_channel: bool = True
    complete: bool = False


INTENSITY_UNIT = "of the image's range"
QUANTITIES = (
    Quantity("intensity", "intensity", INTENSITY_UNIT, "brightness of all pixels",
             partial(_intensity, lambda f: np.ones(f.view.shape, bool))),
    Quantity("object_intensity", "intensity of objects", INTENSITY_UNIT, "brightness of the pixels "
             "in objects", partial(_intensity, lambda f: f.view.ids > 0)),
    Quantity("background_intensity", "intensity of background", INTENSITY_UNIT, "brightness of the "
             "pixels away from objects", partial(_intensity, lambda f: f.background)),
    Quantity("contrast", "contrast of objects", INTENSITY_UNIT, "mean brightness of an object "
             "minus that of its surroundings", _contrast),
    Quantity("steepness", "steepness of edges", "of the contrast per pixel", "how fast brightness "
             "falls across an object's edge: more is sharper", _steepness),
    Quantity("object_grain", "grain in objects", INTENSITY_UNIT, "spread of the finest detail "
             "inside objects: noise and texture", partial(_grain, lambda f: f.inside > RIM_PX)),
    Quantity("background_grain", "grain of background", INTENSITY_UNIT, "spread of the finest "
             "detail away from objects: noise", partial(_grain, lambda f: f.background)),
    Quantity("size", "size of objects", "px", "diameter of a disk (ball) as large as the object; "
             "objects cut by the border are left out", _diameters, per_channel=False),
    Quantity("density", "density of objects", "per 100 px square (cube)", "number of objects in a "
             "window", _density, per_channel=False, complete=True),
    Quantity("neighbors", "distance to next object", "px", "from an object's center to that of "
             "its nearest neighbor in the window", _neighbors, per_channel=False, complete=True),
)  # fmt: skip


def region_quantities(value: int, name: str) -> tuple[Quantity, ...]:
    """Return what is measured of a class of regions, in addition."""

    def where(features: ImageFeatures) -> NDArray[np.bool_]:
        return np.asarray(features.view.regions == value)

    def share(features: ImageFeatures, channel: int) -> Values:
        return np.array([where(features).mean()])

    return (
        Quantity(f"share_{value}", f"share of '{name}'", "of the window",
                 f"share of a window's pixels that are '{name}'", share,
                 per_channel=False, complete=True),
        Quantity(f"intensity_{value}", f"intensity of '{name}'", INTENSITY_UNIT,
                 f"brightness of the pixels of '{name}'", partial(_intensity, where)),
    )  # fmt: skip
