"""What is looked at while learning: real images with masks, as plain arrays, and views of them.

Views are lighter than the augmentation of training crops: a generator shall give back the real
brightness and the real grain, so nothing but flips, quarter turns and a mild zoom is varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, regions_of
from napari_synthseg.core.pixels import FloatImage

CELL = 4
"""Pixels along an edge that one code stands for."""

ZOOM = 1.2
"""Largest factor of size of a view, either way."""

ZOOMED = 0.3
"""Share of views that are zoomed; the others keep the pixels as they are."""

Marks = NDArray[np.int16]
"""Number of the class per pixel (y, x): 0 background, n the nth class value, or `UNKNOWN`."""


@dataclass(frozen=True, eq=False)
class View:
    """An image and its mask, or a part of them.

    Attributes
    ----------
    image
        (channel, y, x) float32, normalized.
    marks
        (y, x), see `Marks`.
    """

    image: FloatImage
    marks: Marks

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape (y, x), pixels."""
        return self.marks.shape

    def cut(self, y: int, x: int, height: int, width: int) -> View:
        """Return the part whose first pixel is (y, x)."""
        where = (slice(y, y + height), slice(x, x + width))
        return View(self.image[(slice(None), *where)], self.marks[where])

    def turned(self, way: int) -> View:
        """Return one of the 8 flips and quarter turns, by number."""
        image = np.rot90(self.image, way % 4, axes=(1, 2))
        marks = np.rot90(self.marks, way % 4)
        if way >= 4:
            image, marks = image[:, :, ::-1], marks[:, ::-1]
        return View(np.ascontiguousarray(image), np.ascontiguousarray(marks))


def views_of(pairs: Sequence[DualImage], class_values: Sequence[int]) -> tuple[View, ...]:
    """Return images and masks as views.

    Raises
    ------
    InputError
        If an image is a volume, or its mask shows a class that is not among `class_values`.
    """
    return tuple(_view_of(pair, class_values) for pair in pairs)


def _view_of(pair: DualImage, class_values: Sequence[int]) -> View:
    if len(pair.labels.shape) != 2:
        raise InputError(
            f"Image {pair.index + 1} is a volume: learned dual images are flat. Use single planes."
        )
    values = regions_of(pair.labels).values
    marks = np.full(values.shape, UNKNOWN, np.int16)
    for number, value in enumerate((0, *class_values)):
        marks[values == value] = number
    if (strange := np.unique(values[(marks == UNKNOWN) & (values != UNKNOWN)])).size:
        raise InputError(
            f"The mask of image {pair.index + 1} shows the class value {strange[0]}, which is not "
            "among the classes: add the class, or correct the mask."
        )
    return View(np.ascontiguousarray(pair.image, np.float32), marks)


def fitting_edge(views: Sequence[View], wanted: int) -> int:
    """Return the edge of training crops: what is wanted, or less where most images are smaller."""
    usual = int(np.median([min(view.shape) for view in views]))
    return max(min(wanted, usual) // CELL, 4) * CELL


def mirrored(view: View, edge: int) -> View:
    """Return the view, mirrored at its far borders until it is as large as a crop.

    What is mirrored is known: it looks and is labelled like the real thing.
    """
    missing = [max(edge - n, 0) for n in view.shape]
    if not any(missing):
        return view
    extra = [(0, m) for m in missing]
    return View(
        np.pad(view.image, [(0, 0), *extra], mode="symmetric"),
        np.pad(view.marks, extra, mode="symmetric"),
    )


def draw_view(
    views: Sequence[View], height: int, width: int, rng: np.random.Generator, turns: bool
) -> View:
    """Return a random crop of a random image; large images are drawn from more often.

    Parameters
    ----------
    views
        What crops are cut from, at least as large as a crop.
    height, width
        Of the crop, pixels.
    turns
        Whether it may be flipped and turned.
    """
    areas = np.array([view.marks.size for view in views], float)
    chosen = views[int(rng.choice(len(views), p=areas / areas.sum()))]
    way = int(rng.integers(8)) if turns else 0
    factor = float(np.exp(rng.uniform(-1, 1) * np.log(ZOOM))) if rng.random() < ZOOMED else 1.0
    shape = (width, height) if way % 2 else (height, width)
    cut = [min(round(n / factor), whole) for n, whole in zip(shape, chosen.shape, strict=True)]
    y, x = (int(rng.integers(w - n + 1)) for n, w in zip(cut, chosen.shape, strict=True))
    return _resized(chosen.cut(y, x, *cut), *shape).turned(way)


def _resized(view: View, height: int, width: int) -> View:
    if view.shape == (height, width):
        return view
    image = torch.from_numpy(np.ascontiguousarray(view.image))[None]
    image = interpolate(image, (height, width), mode="bilinear", antialias=True)
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip((height, width), view.shape, strict=True)
    )
    return View(image[0].numpy(), view.marks[np.ix_(rows, columns)])


def even_crops(views: Sequence[View], height: int, width: int, count: int) -> list[View]:
    """Return at most `count` crops, spread evenly over all images, without randomness.

    An image that is smaller than a crop gives as much as it has, in whole cells.
    """
    crops: list[View] = []
    for view in views:
        h, w = (min(n, m) // CELL * CELL for n, m in zip((height, width), view.shape, strict=True))
        if h and w:
            tops, lefts = (_starts(m, n) for n, m in zip((h, w), view.shape, strict=True))
            crops += [view.cut(y, x, h, w) for y in tops for x in lefts]
    if len(crops) <= count:
        return crops
    return [crops[round(i)] for i in np.linspace(0, len(crops) - 1, count)]


def _starts(whole: int, part: int) -> list[int]:
    """Return where parts begin that cover the whole and overlap as little as that needs."""
    return [round(s) for s in np.linspace(0, whole - part, -(-whole // part))]
