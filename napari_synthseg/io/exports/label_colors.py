"""Colors of label images, for programs that would show ids as shades of black."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.io.labels import UNKNOWN_VALUE

GOLDEN_RATIO = 0.6180339887498949
"""Step of the hue from one id to the next: any few in a row are far apart."""

Palette = NDArray[np.uint8]
"""A color for each of 256 values, shape (256, 3), red, green, blue; black for 0."""


def id_colors() -> Palette:
    """Return colors of instance ids: bright, and different for neighboring ids."""
    shades = ((1.0, 0.65), (0.85, 0.9), (1.0, 0.4))
    colors = [
        colorsys.hsv_to_rgb(n * GOLDEN_RATIO % 1, saturation, value)
        for n in range(256)
        for value, saturation in (shades[n % len(shades)],)
    ]
    palette = np.round(np.array(colors) * 255).astype(np.uint8)
    palette[0] = 0
    return palette


def class_colors(colors: Mapping[int, str]) -> Palette:
    """Return the colors of classes, ``#rrggbb`` by class value; unknown pixels are gray."""
    palette = np.zeros((256, 3), np.uint8)
    palette[UNKNOWN_VALUE] = 128
    for value, color in colors.items():
        palette[value] = [int(color[n : n + 2], 16) for n in (1, 3, 5)]
    return palette
