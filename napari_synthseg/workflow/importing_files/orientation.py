"""Whether masks lie on what an image shows, or would if they were mirrored or turned.

Programs disagree on what comes first, y or x, and on where the first row is. Masks of a square
image that were saved the other way round fit its shape, and are wrong without a word.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import Labels, regions_of
from napari_synthseg.storage.images import open_pixels

MAX_PIXELS = 2**23
"""Larger images are not looked at: reading them takes longer than the import."""

LEAST_CONTRAST = 0.2
"""Share of the variance of brightness that objects and background explain, where they differ."""

FAR_BETTER = 4.0
"""How many times as much it is where masks lie as they should, against where they do not."""


def better_orientation(labels: Labels, image: ImageRef, folder: Path) -> str:
    """Return how masks would have to be turned to fit an image far better, in words; '' if not."""
    if image.ndim != 2 or image.region is not None:
        return ""
    pixels = open_pixels(image, folder)
    shape = pixels.shape[1:]
    objects = regions_of(labels).values > 0
    if np.prod(shape) > MAX_PIXELS or objects.shape != shape or not objects.any():
        return ""
    brightness = pixels.read()
    ways = {
        "": objects,
        "upside down": objects[::-1],
        "mirrored from left to right": objects[:, ::-1],
        "turned by half": objects[::-1, ::-1],
    }
    if shape[0] == shape[1]:
        ways["with y and x exchanged"] = objects.T
        ways["turned by a quarter to the left"] = np.rot90(objects)
        ways["turned by a quarter to the right"] = np.rot90(objects, -1)
    fit = {way: _explained(brightness, mask) for way, mask in ways.items()}
    best = max(fit, key=lambda way: fit[way])
    return best if fit[best] > max(LEAST_CONTRAST, FAR_BETTER * fit[""]) else ""


def _explained(brightness: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the share of the variance that a mask explains, of the channel where it is most."""
    share = mask.mean()
    if not 0 < share < 1:
        return 0.0
    channels = brightness.reshape(len(brightness), -1).astype(float)
    inside = channels[:, mask.ravel()].mean(axis=1)
    whole, total = channels.mean(axis=1), channels.var(axis=1)
    between = share / (1 - share) * (inside - whole) ** 2
    return float(np.max(between / np.maximum(total, 1e-12)))
