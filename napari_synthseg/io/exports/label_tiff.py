"""Label images as TIFF, with the size of a pixel, for ImageJ (Fiji) or as OME-TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.exports.label_colors import Palette
from napari_synthseg.io.images.lengths import UNIT_WORDS

LAST_COLOR = 255

_RANGES = (255, 510)
"""Largest id of the display range: as many ids as colors, or two ids a color. More would make the
first ids black."""

_COLOR_MAP = 320
"""Tag in which ImageJ looks for colors, also of images of 16 bits."""


def write_imagej_labels(
    path: Path, labels: NDArray[Any], image: ImageRef, palette: Palette
) -> None:
    """Write labels as ImageJ does, with colors, display range and the size of a pixel.

    ImageJ has no integers of 32 bits: ids above 65,535 are written as float32, which holds whole
    numbers up to 16,777,216 exactly.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import tifffile

    stored = _as_imagej(labels)
    largest = int(stored.max(initial=0))
    top = LAST_COLOR if stored.dtype == np.uint8 else _RANGES[largest > _RANGES[0]]
    metadata: dict[str, Any] = {"axes": "YX" if stored.ndim == 2 else "ZYX", "min": 0, "max": top}
    options: dict[str, Any] = {}
    if size := _known_size(image):
        metadata["unit"] = image.unit
        options["resolution"] = (1 / size[-1], 1 / size[-2])
        if stored.ndim == 3:
            metadata["spacing"] = size[0]
    colors = (palette.T.astype(np.uint16) * 257).ravel()
    replace_file(
        path,
        lambda partial: tifffile.imwrite(
            partial, stored, imagej=True, compression="zlib", metadata=metadata,
            extratags=[(_COLOR_MAP, 3, len(colors), colors, True)], **options,
        ),
    )  # fmt: skip


def write_ome_labels(path: Path, labels: NDArray[Any], image: ImageRef) -> None:
    """Write labels as OME-TIFF, with the size of a pixel.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import tifffile

    axes = "YX" if labels.ndim == 2 else "ZYX"
    metadata: dict[str, Any] = {"axes": axes, "Name": path.name}
    if image.unit in UNIT_WORDS and (size := _known_size(image)):
        unit = image.unit.replace("um", "µm")  # OME's symbols are ours but for this one
        for axis, length in zip(axes, size[-labels.ndim :], strict=True):
            metadata |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": unit}
    replace_file(
        path,
        lambda partial: tifffile.imwrite(
            partial, labels, ome=True, compression="zlib", photometric="minisblack",
            tile=(512, 512), metadata=metadata,
        ),
    )  # fmt: skip


def _as_imagej(labels: NDArray[Any]) -> NDArray[Any]:
    if labels.dtype == np.uint8:
        return labels
    narrow = int(labels.max(initial=0)) <= np.iinfo(np.uint16).max
    return labels.astype(np.uint16 if narrow else np.float32)


def _known_size(image: ImageRef) -> tuple[float, ...] | None:
    return None if image.unit == "px" else image.pixel_size
