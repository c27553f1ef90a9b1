"""Small pictures of whole images."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.storage.images import open_pixels

MAX_PX = 2**28
"""Of images with more pixels in a plane no picture is made."""


def draw_thumbnail(ref: ImageRef, folder: Path, edge_px: int) -> NDArray[np.uint8] | None:
    """Return a picture of an image, shape (y, x, 3), its longer edge at most `edge_px`.

    Of a volume the middle plane is shown, of several channels the first three, in red, green and
    blue, or the first one in gray. None for images that are too large to be read for it.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    whole = open_pixels(ref.without_limits().model_copy(update={"region": None}), folder)
    _, *outer, height, width = whole.shape
    if height * width > MAX_PX:
        return None
    step = max(1, math.ceil(max(height, width) / edge_px))
    middle = [slice(n // 2, n // 2 + 1) for n in outer]
    stored = whole.read_stored((*middle, slice(0, height, step), slice(0, width, step)))
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = np.nan_to_num(whole.intensity.normalize(stored)).reshape(
            len(stored), *stored.shape[-2:]
        )
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    scaled = np.clip(shown, 0, 1) * 255
    return np.ascontiguousarray(np.moveaxis(scaled, 0, -1).astype(np.uint8))
