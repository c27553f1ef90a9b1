"""How the objects of the clicked images lie: what touches, how far apart, what the border cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_synthseg.core.geometry import region_shape
from napari_synthseg.core.patch import Background, PatchLibrary, paint_numbers
from napari_synthseg.core.pixels import FloatImage, counted_box
from napari_synthseg.patches.canvas_parts import PatchPlaces
from napari_synthseg.patches.window import bounds
from napari_synthseg.synthesis.paste.objects import Density
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.placement import USUAL_BORDER, PlacementRules

CONTACT_PX = 2
"""Objects this close along an axis count as touching."""

MIN_CLICKS = 10
"""Fewer clicks than this tell nothing of the border."""

MAX_BORDER = 0.95
"""Farther outside, in halves of an object, there is hardly anything left to see of it."""


def measure_arrangement(
    recipe: PasteParameters,
    library: PatchLibrary,
    density: Density,
) -> tuple[PlacementRules, tuple[str, ...]]:
    """Return how objects are put, and notes where the clicked images do not tell."""
    if recipe.truncation is None:
        border = measure_border(library)
    else:
        border = border_for(recipe.truncation, mean_half(library), (recipe.size, recipe.size))
    clustering = (recipe.clustering or 0.0) if recipe.arrangement == "matched" else 0.0
    distances, notes = None, tuple[str, ...]()
    if recipe.arrangement == "neighbors":
        distances = real_distances(density)
        if distances is None:
            notes = (
                "No image is clicked exhaustively, so that distances to the nearest neighbor are "
                "not known: objects are put anywhere.",
            )
    return PlacementRules(recipe.overlap, clustering, border, distances), notes


@dataclass(frozen=True, eq=False)
class Layout:
    """The objects of a part of a clicked image as an instance map.

    `ids` ([z,] y, x) holds 1 + the place of the object's patch in `PatchLibrary.patches`.
    """

    ids: NDArray[np.int32]
    exhaustive: bool


def paint_layouts(library: PatchLibrary, backgrounds: Sequence[Background]) -> tuple[Layout, ...]:
    """Paint the masks of all patches, part by part."""
    layouts, places = [], PatchPlaces(library.patches)
    for background in backgrounds:
        layout = Layout(np.zeros(background.valid.shape, np.int32), background.exhaustive)
        there = places.meeting(background.image, background.region)
        paint_numbers([(library.patches[n], n + 1) for n in there], layout.ids, background.origin)
        layouts.append(layout)
    return tuple(layouts)


def count_touching(ids: NDArray[np.int32]) -> tuple[int, int]:
    """Count the objects of a label map that touch another one, and all objects."""
    found: list[NDArray[np.int32]] = []
    for axis in range(ids.ndim):
        turned = np.moveaxis(ids, axis, 0)
        for step in range(1, CONTACT_PX + 1):
            one, other = turned[:-step], turned[step:]
            close = (one != other) & (one > 0) & (other > 0)
            found += [one[close], other[close]]
    present = np.bincount(ids.ravel())[1:]  # of large volumes, many times as fast as to sort them
    return len(np.unique(np.concatenate(found))), int(np.count_nonzero(present))


def nearest_distances(positions: NDArray[np.float64]) -> FloatImage:
    """Return each position's distance to its nearest neighbor; none of fewer than two."""
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


def share_cut(half: float, border: float, shape: Sequence[int]) -> float:
    """Return the share of objects that a window's border cuts off.

    Parameters
    ----------
    half
        Half the extent of an object, pixels.
    border
        Centers lie anywhere up to this many halves outside the border (inside, if negative).
    shape
        The window's extent along the axes that count, pixels.
    """
    whole = [max(n - 2 * half, 0) / max(n + 2 * border * half, 1e-9) for n in shape]
    return 1 - float(np.prod(np.minimum(whole, 1)))


def border_for(share: float, half: float, shape: Sequence[int]) -> float:
    """Return the `border` at which a share of the objects is cut off, as near as can be."""
    low, high = -1.0, MAX_BORDER
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if share_cut(half, middle, shape) < share else (low, middle)
    return (low + high) / 2


def measure_border(library: PatchLibrary) -> float:
    """Return the `border` of the clicked images: how far outside them centers lie.

    Images that are not clicked exhaustively do not tell, nor do volumes.
    """
    found, weights = [], []
    for image in library.images:
        patches = [p for p in library.patches if p.image == image.ref.id and p.area]
        if not image.ref.exhaustive or len(patches) < MIN_CLICKS or image.ref.ndim != 2:
            continue
        share = float(np.mean([p.touches_border for p in patches]))
        shape = region_shape(counted_box(image.ref, image.pixels))
        found.append(border_for(share, mean_half(library), shape))
        weights.append(len(patches))
    return float(np.average(found, weights=weights)) if found else USUAL_BORDER


def mean_half(library: PatchLibrary) -> float:
    """Return half the mean extent of the objects in the image plane, pixels."""
    usable = library.usable()[:1000]
    extents = [np.mean([b - a for a, b in bounds(p.mask)[-2:]]) for p in usable]
    return float(np.mean(extents)) / 2
