"""Leica LIF files, through the library liffile; each of their images is one of a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.io.images.lengths import in_micrometers
from napari_synthseg.io.images.stored_array import (
    ImageFormat,
    Index,
    StoredArray,
    check_budget,
    choose_series,
)
from napari_synthseg.io.images.vendor import damage_reported, import_reader

_WHAT = "a Leica LIF file"

_LETTERS = {"S": "c", "λ": "c", "Λ": "c"}
"""Samples and wavelengths are channels."""


def open_lif(path: Path, as_ids: bool = False, number: int | None = None) -> StoredArray:
    """Open one image of a LIF file.

    Raises
    ------
    InputError
        If it is damaged, liffile is not installed, or it holds several images and none is chosen.
    """
    library = import_reader("liffile", path)
    with damage_reported(path, _WHAT), library.LifFile(path) as file:
        titles = [f"'{image.name}', {_size(image.sizes)}" for image in file.images]
        chosen = choose_series(path, titles, number)
        image = file.images[chosen]
        sizes, dtype = dict(image.sizes), np.dtype(image.dtype)
        apart = {
            axis.lower(): (float(abs(places[1] - places[0])), "m")
            for axis, places in image.coords.items()
            if axis in "ZYX" and len(places) > 1
        }
    is_color = "S" in sizes
    if is_color:
        check_budget(path.name, int(np.prod(list(sizes.values()))), dtype.itemsize)

    def read(index: Index) -> NDArray[Any]:
        with damage_reported(path, _WHAT), library.LifFile(path) as file:
            image = file.images[chosen]
            # colors may be stored in another order, so that they cannot be mapped
            whole = image.asarray() if is_color else image.asarray(out="memmap")
            return np.array(whole[index])

    known = in_micrometers(apart)
    return StoredArray(
        name=path.name,
        shape=tuple(sizes.values()),
        axes="".join(_LETTERS.get(axis, axis.lower()) for axis in sizes),
        dtype=dtype,
        read=read,
        is_color=is_color,
        whole=is_color,
        pixel_size=known,
        unit="um" if known else "px",
        series=tuple(titles) if len(titles) > 1 else (),
    )


def _size(sizes: dict[str, int]) -> str:
    return ", ".join(f"{axis.lower()} {size}" for axis, size in sizes.items())


FORMAT = ImageFormat("Leica LIF", (b"\x70\0\0\0",), open_lif)
