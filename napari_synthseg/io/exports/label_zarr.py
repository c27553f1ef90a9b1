"""Label images as OME-Zarr with a pyramid, so that large ones open at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.atomic import replace_folder
from napari_synthseg.io.images.lengths import UNIT_WORDS
from napari_synthseg.io.images.ome_zarr import local_store

VERSION = "0.4"
"""Of OME-Zarr: the newest that most programs read."""

CHUNK_PX = 512

SMALLEST_PX = 256
"""A level of the pyramid whose edges are no longer than this is the last."""


def write_zarr_labels(
    path: Path,
    labels: NDArray[Any],
    image: ImageRef,
    colors: Mapping[int, Sequence[int]],
    properties: Mapping[int, Mapping[str, Any]],
) -> None:
    """Write labels as an image of labels (``image-label``).

    Every second pixel along y and x makes the next level, so that no level holds an id that the
    image does not. z keeps its resolution.

    Parameters
    ----------
    path
        A folder; what is there is replaced as a whole.
    labels
        Shape ([z,] y, x).
    image
        Says how large a pixel is.
    colors
        Label -> red, green, blue (0 to 255), where a label has a color of its own.
    properties
        Label -> what is known of it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    replace_folder(path, lambda partial: _write(partial, path, labels, image, colors, properties))


def _write(
    folder: Path,
    path: Path,
    labels: NDArray[Any],
    image: ImageRef,
    colors: Mapping[int, Sequence[int]],
    properties: Mapping[int, Mapping[str, Any]],
) -> None:
    import zarr

    axes = "zyx"[-labels.ndim :]
    unit = UNIT_WORDS.get(image.unit)
    size = image.pixel_size[-labels.ndim :] if unit and image.pixel_size else (1.0,) * labels.ndim
    group = zarr.create_group(store=local_store(folder), zarr_format=2, overwrite=True)
    datasets = []
    level, number = labels, 0
    while True:
        group.create_array(
            str(number), data=np.ascontiguousarray(level), chunks=_chunks(level.shape),
            chunk_key_encoding={"name": "v2", "separator": "/"}, fill_value=0,
        )  # fmt: skip
        factors = (*(1,) * (labels.ndim - 2), 2**number, 2**number)
        scale = [float(s * f) for s, f in zip(size, factors, strict=True)]
        datasets.append(
            {
                "path": str(number),
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
        if max(level.shape[-2:]) <= SMALLEST_PX:
            break
        level, number = level[..., ::2, ::2], number + 1
    kinds = [{"name": a, "type": "space"} | ({"unit": unit} if unit else {}) for a in axes]
    multiscales: list[Any] = [
        {
            "version": VERSION,
            "name": path.name.removesuffix(".ome.zarr"),
            "axes": kinds,
            "datasets": datasets,
            "type": "every second pixel",
        }
    ]
    group.attrs["multiscales"] = multiscales
    group.attrs["image-label"] = {
        "version": VERSION,
        "colors": [{"label-value": v, "rgba": [*rgb, 255]} for v, rgb in colors.items()],
        "properties": [{"label-value": v, **known} for v, known in properties.items()],
    }


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*(1,) * (len(shape) - 2), *(min(CHUNK_PX, n) for n in shape[-2:]))
