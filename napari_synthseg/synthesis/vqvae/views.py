"""What is looked at while learning: real images with masks, as plain arrays, and views of them.

Views are lighter than the augmentation of training crops: a generator shall give back the real
brightness and the real grain, so nothing but flips, quarter turns and a mild zoom is varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, regions_of
from napari_synthseg.core.pixels import FloatImage, quarter_turned

CELL_PX = 4
"""Pixels along an edge that one code stands for."""

MAX_ZOOM = 1.2
"""Largest factor of size of a view, either way."""

ZOOMED_SHARE = 0.3
"""Share of views that are zoomed; the others keep the pixels as they are."""

Item = TypeVar("Item")
ClassMask = NDArray[np.int16]
"""Number of the class per pixel (y, x): 0 background, n the nth class value, or `UNKNOWN`."""


@dataclass(frozen=True, eq=False)
class MaskedView:
    """An image and its mask, or a part of them.

    Attributes
    ----------
    image
        (channel, y, x) float32, normalized.
    mask
        (y, x), see `ClassMask`.
    """

    image: FloatImage
    mask: ClassMask

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape (y, x), pixels."""
        return self.mask.shape

    def cut(self, y: int, x: int, height: int, width: int) -> MaskedView:
        """Return the part whose first pixel is (y, x)."""
        where = (slice(y, y + height), slice(x, x + width))
        return MaskedView(self.image[(slice(None), *where)], self.mask[where])

    def turned(self, way: int) -> MaskedView:
        """Return one of the 8 flips and quarter turns, by number."""
        return MaskedView(
            np.ascontiguousarray(quarter_turned(self.image, way)),
            np.ascontiguousarray(quarter_turned(self.mask, way)),
        )

    def turned_back(self, way: int) -> MaskedView:
        """Undo `turned`; a flip with a turn undoes itself."""
        return self.turned(way if way >= 4 else -way % 4)


def block_means(array: NDArray[Any], edge_px: int) -> FloatImage:
    """Return the means of (..., y, x) over squares; what is left at the far borders is dropped."""
    height, width = (n // edge_px for n in array.shape[-2:])
    whole = array[..., : height * edge_px, : width * edge_px]
    squares = whole.reshape(*array.shape[:-2], height, edge_px, width, edge_px)
    means: FloatImage = squares.mean(axis=(-3, -1), dtype=np.float32)
    return means


def class_shares(mask: NDArray[Any], classes: int, edge_px: int) -> FloatImage:
    """Return the share of each class in squares of (..., y, x), as (..., class, y, x)."""
    return np.stack([block_means(mask == n, edge_px) for n in range(classes)], axis=-3)


def spread_evenly(items: Sequence[Item], count: int) -> Sequence[Item]:
    """Return at most `count` of the items."""
    if len(items) <= count:
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]


def even_starts(whole: int, part: int) -> list[int]:
    """Return where parts begin that cover the whole and overlap as little as that needs."""
    return [round(s) for s in np.linspace(0, whole - part, -(-whole // part))]


def views_of(pairs: Sequence[DualImage], class_values: Sequence[int]) -> tuple[MaskedView, ...]:
    """Return images and masks as views.

    Raises
    ------
    InputError
        If an image is a volume, or its mask shows a class that is not among `class_values`.
    """
    return tuple(_view_of(pair, class_values) for pair in pairs)


def _view_of(pair: DualImage, class_values: Sequence[int]) -> MaskedView:
    if len(pair.labels.shape) != 2:
        raise InputError(
            f"Image {pair.index + 1} is a volume: learned dual images are flat. Use single planes."
        )
    values = regions_of(pair.labels).values
    mask = np.full(values.shape, UNKNOWN, np.int16)
    for number, value in enumerate((0, *class_values)):
        mask[values == value] = number
    if (strange := np.unique(values[(mask == UNKNOWN) & (values != UNKNOWN)])).size:
        raise InputError(
            f"The mask of image {pair.index + 1} shows the class value {strange[0]}, which is not "
            "among the classes: add the class, or correct the mask."
        )
    return MaskedView(np.ascontiguousarray(pair.image, np.float32), mask)


def fitting_edge(views: Sequence[MaskedView], wanted: int) -> int:
    """Return the edge of training crops: what is wanted, or less where most images are smaller."""
    usual = int(np.median([min(view.shape) for view in views]))
    return max(min(wanted, usual) // CELL_PX, 4) * CELL_PX


def mirrored(view: MaskedView, edge: int) -> MaskedView:
    """Return the view, mirrored at its far borders until it is as large as a crop.

    What is mirrored is known: it looks and is labelled like the real thing.
    """
    missing = [max(edge - n, 0) for n in view.shape]
    if not any(missing):
        return view
    extra = [(0, m) for m in missing]
    return MaskedView(
        np.pad(view.image, [(0, 0), *extra], mode="symmetric"),
        np.pad(view.mask, extra, mode="symmetric"),
    )


def draw_view(
    views: Sequence[MaskedView], edge: int, rng: np.random.Generator, turns: bool
) -> MaskedView:
    """Return a random square crop of a random image; large images are drawn from more often.

    Parameters
    ----------
    views
        What crops are cut from, at least as large as a crop.
    edge
        Of the crop, pixels.
    turns
        Whether it may be flipped and turned.
    """
    areas = np.array([view.mask.size for view in views], float)
    chosen = views[int(rng.choice(len(views), p=areas / areas.sum()))]
    way = int(rng.integers(8)) if turns else 0
    factor = 1.0
    if rng.random() < ZOOMED_SHARE:
        factor = float(np.exp(rng.uniform(-1, 1) * np.log(MAX_ZOOM)))
    height, width = (min(round(edge / factor), whole) for whole in chosen.shape)
    y, x = (
        int(rng.integers(whole - part + 1))
        for part, whole in zip((height, width), chosen.shape, strict=True)
    )
    return _resized(chosen.cut(y, x, height, width), edge).turned(way)


def _resized(view: MaskedView, edge: int) -> MaskedView:
    if view.shape == (edge, edge):
        return view
    image = torch.from_numpy(np.ascontiguousarray(view.image))[None]
    image = interpolate(image, (edge, edge), mode="bilinear", antialias=True)
    rows, columns = (
        np.minimum(((np.arange(edge) + 0.5) * n / edge).astype(int), n - 1) for n in view.shape
    )
    return MaskedView(image[0].numpy(), view.mask[np.ix_(rows, columns)])


def even_crops(views: Sequence[MaskedView], edge: int, count: int) -> list[MaskedView]:
    """Return at most `count` square crops, spread evenly over all images, without randomness.

    An image that is smaller than a crop gives as much as it has, in whole cells.
    """
    crops: list[MaskedView] = []
    for view in views:
        height, width = (min(edge, whole) // CELL_PX * CELL_PX for whole in view.shape)
        if height and width:
            tops, lefts = even_starts(view.shape[0], height), even_starts(view.shape[1], width)
            crops += [view.cut(y, x, height, width) for y in tops for x in lefts]
    return list(spread_evenly(crops, count))
