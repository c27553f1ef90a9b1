"""Outlines as YOLO has them: a text file an image, corners as shares of the image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.exports.outlined import ExportedImage
from napari_synthseg.io.outlines.on_images.tracing import joined_ring


def write_yolo_segments(path: Path, image: ExportedImage, numbers: Mapping[int, int]) -> None:
    """Write a row for each object of one image: the number of its class, and one outline.

    A row has one outline: the line goes from part to part and to the holes, and back on the same
    way. `numbers` are those of the class values.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    lines = []
    for thing in image.objects:
        shares = (joined_ring(thing.polygons) / np.array(image.shape))[:, ::-1]
        cells = (format(share, ".8g") for share in shares.ravel().tolist())
        lines.append(" ".join((str(numbers[thing.cls]), *cells)) + "\n")
    write_text(path, "".join(lines))
