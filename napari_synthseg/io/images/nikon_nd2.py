"""Nikon ND2 files, through the library nd2; a position is an image of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.io.images.stored_array import (
    ImageFormat,
    Index,
    StoredArray,
    check_budget,
    choose_series,
)
from napari_synthseg.io.images.vendor import damage_reported, import_reader

_WHAT = "a Nikon ND2 file"


def open_nd2(path: Path, as_ids: bool = False, number: int | None = None) -> StoredArray:
    """Open the image of one position in an ND2 file.

    Raises
    ------
    InputError
        If it is damaged, nd2 is not installed, or it holds several positions and none is chosen.
    """
    library = import_reader("nd2", path)
    with damage_reported(path, _WHAT), library.ND2File(path) as file:
        sizes = dict(file.sizes)
        dtype = np.dtype(file.dtype)
        lengths = dict(zip("xyz", file.voxel_size(), strict=True))
        channels = getattr(file.metadata, "channels", None)
        calibrated = channels[0].volume.axesCalibrated if channels else (False,) * 3
    known = {a: lengths[a] for a, is_known in zip("xyz", calibrated, strict=True) if is_known}
    titles = [f"position {n + 1}" for n in range(sizes.get("P", 1))]
    chosen = choose_series(path, titles, number)
    letters = {axis: "c" if axis == "S" else axis.lower() for axis in sizes if axis != "P"}

    def read(index: Index) -> NDArray[Any]:
        parts = dict(zip(letters, index, strict=True))
        whole = tuple(parts.get(axis, chosen) for axis in sizes)
        shape = (len(range(*p.indices(sizes[a]))) for a, p in parts.items() if isinstance(p, slice))
        check_budget(path.name, int(np.prod(list(shape))), dtype.itemsize)
        with damage_reported(path, _WHAT), library.ND2File(path) as file:
            return np.asarray(file.to_dask(wrapper=False)[whole].compute(scheduler="sync"))

    return StoredArray(
        name=path.name,
        shape=tuple(sizes[axis] for axis in letters),
        axes="".join(letters.values()),
        dtype=dtype,
        read=read,
        is_color="S" in sizes,
        pixel_size={a: known[a] for a in "zyx" if a in known and known[a] > 0},
        unit="um" if known else "px",
        series=tuple(titles) if len(titles) > 1 else (),
    )


FORMAT = ImageFormat("Nikon ND2", (b"\xda\xce\xbe\x0a",), open_nd2)
