"""Mask methods by name: the plug point for ways to outline the object under each click.

A method from elsewhere is an entry point of the group ``napari_synthseg.mask_methods``. Importing
this loads no scipy, so that panels and commands know the methods at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.plugins import Registry

if TYPE_CHECKING:
    from napari_synthseg.patches.masks.seeded_foreground import SeededForeground

AUTO = "auto"
"""In place of a name: the built-in method with the best estimated quality, image by image."""


class Foreground(Protocol):
    """Maps pixels (channel, [z,] y, x) to about 0 in the surroundings, about 1 in objects."""

    def apply(self, pixels: FloatImage) -> FloatImage:
        """Return the foreground, ([z,] y, x)."""
        ...


FindObjects = Callable[["SeededForeground"], NDArray[np.int32]]

LearnForeground = Callable[
    [Sequence[FloatImage], Sequence[NDArray[np.float32]], Sequence[float]], Foreground | None
]


@dataclass(frozen=True)
class MaskMethod:
    """One way to outline objects.

    Attributes
    ----------
    name
        In projects and commands.
    title, hint
        What users read: a few words, and for which objects it is made.
    find
        Returns the object of each click of a block: ids 1..n in the clicks' order, 0 where there is
        none, ([z,] y, x). An object lies in its click's basin.
    learn
        Learns the foreground of one class instead of taking the linear discriminant. It is given
        windows around clicks, each (channel, [z,] y, x); for each window every pixel's distance to
        the nearest click, in class radii; and half a class diameter along each axis, pixels. None
        where there is nothing to learn from: the level method stands in.
    level
        Share of the core's contrast at which objects end on a learned foreground; None: as set for
        all patches.
    quality_weights
        Weights of agreement, solidity, contrast and odd size, and a constant, that estimate a
        mask's overlap (IoU) with the true object; see `quality.estimate_quality`.
    planes_only
        The level method stands in for it in volumes.
    """

    name: str
    title: str
    hint: str
    find: FindObjects
    learn: LearnForeground | None = None
    level: float | None = None
    quality_weights: tuple[float, float, float, float, float] = (0.50, 1.15, 0.04, -0.10, -0.71)
    planes_only: bool = False


def _accept(entry: object) -> tuple[MaskMethod, str]:
    if not isinstance(entry, MaskMethod):
        raise TypeError("it is no MaskMethod")
    return entry, entry.name


MASK_METHODS: Registry[MaskMethod] = Registry("mask_methods", "mask method", _accept)
"""Every known method by name, in the order in which users see them."""


def register(method: MaskMethod) -> MaskMethod:
    """Make a method known under its name."""
    MASK_METHODS.add(method.name, method, method.find.__module__)
    return method


def mask_method(name: str) -> MaskMethod:
    """Return the method of a name.

    Raises
    ------
    InputError
        If there is none; the message names those that there are.
    """
    return MASK_METHODS.lookup(name, AUTO)


def _find_by_level(block: SeededForeground) -> NDArray[np.int32]:
    from napari_synthseg.patches.masks.level import find_by_level

    return find_by_level(block)


def _find_by_outline(block: SeededForeground) -> NDArray[np.int32]:
    from napari_synthseg.patches.masks.outline import find_by_outline

    return find_by_outline(block)


def _find_by_probability(block: SeededForeground) -> NDArray[np.int32]:
    from napari_synthseg.patches.masks.learned import find_by_probability

    return find_by_probability(block)


def _train_classifier(
    windows: Sequence[FloatImage], distances: Sequence[NDArray[np.float32]], radius: Sequence[float]
) -> Foreground | None:
    from napari_synthseg.patches.masks.learned import train_classifier

    return train_classifier(windows, distances, radius)


LEVEL = register(
    MaskMethod(
        "level",
        "Brightness",
        "Objects end where brightness (or color) falls: blobs, bright or dark",
        _find_by_level,
    )
)
OUTLINE = register(
    MaskMethod(
        "outline",
        "Smooth outline",
        "The best closed line around the click: smooth objects with dents or holes",
        _find_by_outline,
        quality_weights=(0.69, 1.44, 0.03, -0.07, -1.19),
        planes_only=True,
    )
)
LEARNED = register(
    MaskMethod(
        "learned",
        "Texture and rings",
        "A classifier of pixels is trained on the clicks: rings, textures, hollow objects",
        _find_by_probability,
        _train_classifier,
        level=0.7,
        quality_weights=(0.33, 2.54, 0.09, -0.26, -1.88),
    )
)
