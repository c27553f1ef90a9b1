"""A folder of image files as one stack: each file a plane, in the order of their numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.stored_array import Index, StoredArray

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
"""Endings of files that are taken for planes; others, such as notes, may lie beside them."""


def plane_files(folder: Path) -> list[Path]:
    """Return the files of the planes in a folder, by the numbers in their names (2 before 10)."""
    files = (f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))
    return sorted((f for f in files if f.suffix.lower() in SUFFIXES), key=_by_numbers)


def is_folder_stack(folder: Path) -> bool:
    """Tell whether a folder holds files that may be planes of a stack."""
    return bool(plane_files(folder))


def open_folder_stack(folder: Path, open_plane: Callable[[Path], StoredArray]) -> StoredArray:
    """Open a folder of planes as a stack along z.

    Raises
    ------
    InputError
        If a file cannot be read, or the planes differ in axes, shape or type.
    """
    files = plane_files(folder)
    planes = [open_plane(file) for file in files]
    first = planes[0]
    for plane in planes:
        if (plane.axes, plane.shape, plane.dtype) != (first.axes, first.shape, first.dtype):
            raise InputError(
                f"'{folder}' is no stack: '{first.name}' is {first.dtype} {first.axes} "
                f"{first.shape}, '{plane.name}' {plane.dtype} {plane.axes} {plane.shape}. Put "
                "files of one shape and type into a folder of their own."
            )
    if "z" in first.axes:
        raise InputError(
            f"'{folder}' is no folder of planes: '{first.name}' is a stack already. Add the files."
        )

    def read(index: Index) -> NDArray[Any]:
        along, *rest = index
        if isinstance(along, int):
            return open_plane(files[along]).read(tuple(rest))
        return np.stack([open_plane(file).read(tuple(rest)) for file in files[along]])

    order = f"{files[0].name} to {files[-1].name}" if len(files) > 1 else files[0].name
    return replace(
        first,
        name=folder.name,
        shape=(len(files), *first.shape),
        axes=f"z{first.axes}",
        read=read,
        unnamed="z",
        series=(),
        plane_files=tuple(file.name for file in files),
        notes=(*first.notes, f"its {len(files)} planes are the files {order}"),
    )


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Return a sorting key by which numbers go by value."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
