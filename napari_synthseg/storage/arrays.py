"""Pixels and labels without a file of their own: zarr arrays inside the project folder.

The store is one zarr group, ``arrays.zarr/``, with an array for each id; its `axes` attribute
gives a letter for each axis. An array is written under a hidden name and then renamed, so that it
is there whole or not at all. It never changes once it is there.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.ome_zarr import local_store, stored_zarr
from napari_synthseg.io.images.stored_array import StoredArray, check_stored
from napari_synthseg.storage.lock import require_writable
from napari_synthseg.storage.tensors import safe_name
from napari_synthseg.storage.uris import ARRAYS_PREFIX

FOLDER_NAME = "arrays.zarr"
_CHUNK_PX = 512
_PARTIAL = ".part"


def save_array(array: NDArray[Any], axes: str, folder: Path, id: str) -> str:
    """Copy an array into the project in `folder`; return its name, ``arrays:ID``.

    Parameters
    ----------
    array
        Anything that can be sliced like an array; copied plane by plane, so that one that is
        computed on demand need not fit into memory.
    axes
        One letter of "tczyx" for each axis of `array`; c may stand last, for colors.
    folder
        The project folder, which must be open for writing here.
    id
        Letters, digits, - and _.

    Raises
    ------
    InputError
        If the axes or the type do not fit, the id is taken, or the disk cannot take it.
    """
    root, target = folder / FOLDER_NAME, array_path(id, folder)
    _check(array, axes, id)
    require_writable(folder)
    if target.exists():
        raise InputError(f"The project already holds an array '{id}': give another id.")
    partial = root / f".{id}{_PARTIAL}"
    try:
        _copy(array, axes, root, partial)
        partial.rename(target)
    except OSError as error:
        raise InputError(
            f"The array cannot be saved in '{root}': {error}. Free space or choose another folder."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return f"{ARRAYS_PREFIX}{id}"


def _copy(array: NDArray[Any], axes: str, root: Path, target: Path) -> None:
    import zarr

    zarr.open_group(local_store(root), mode="a", zarr_format=3)
    copy = zarr.create_array(
        local_store(target),
        shape=array.shape,
        dtype=np.dtype(array.dtype).newbyteorder("="),
        chunks=_chunks(array.shape, axes),
        attributes={"axes": axes},
        zarr_format=3,
        overwrite=True,
    )
    planes = array.ndim - (3 if axes.endswith("c") else 2)
    for index in np.ndindex(*array.shape[:planes]):
        copy[index] = np.asarray(array[index])


def remove_partial(folder: Path) -> None:
    """Remove what a crash in the middle of `save_array` left; for the writer alone."""
    for partial in (folder / FOLDER_NAME).glob(f".*{_PARTIAL}"):
        shutil.rmtree(partial, ignore_errors=True)


def remove_array(uri: str, folder: Path) -> None:
    """Remove an array that nothing names any more; for the writer alone."""
    shutil.rmtree(array_path(uri, folder), ignore_errors=True)


def open_array(uri: str, folder: Path, remedy: str = "add the image again") -> StoredArray:
    """Open an array of the project by its name, ``arrays:ID``.

    `remedy` is what messages advise where that fails.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    import zarr

    path = array_path(uri, folder)
    if not path.is_dir():
        raise InputError(f"'{uri}' is missing from '{folder / FOLDER_NAME}': {remedy}.")
    try:
        array = zarr.open_array(local_store(path), mode="r")
        axes = str(array.attrs["axes"])
    except Exception as error:  # a parser of damaged files fails in countless ways
        raise InputError(
            f"'{path}' is damaged: {error}. Put a backup in its place, or {remedy}."
        ) from error
    return stored_zarr(uri, array, axes, four_are_colors=True)


def array_path(uri: str, folder: Path) -> Path:
    """Return the folder of an array, checked to lie inside the project."""
    return folder / FOLDER_NAME / safe_name(uri.removeprefix(ARRAYS_PREFIX))


def _chunks(shape: tuple[int, ...], axes: str) -> tuple[int, ...]:
    """Return chunks of one plane's tile each; colors stay together."""
    largest = {"y": _CHUNK_PX, "x": _CHUNK_PX, "c": 4 if axes.endswith("c") else 1}
    return tuple(min(n, largest.get(axis, 1)) for axis, n in zip(axes, shape, strict=True))


def _check(array: NDArray[Any], axes: str, id: str) -> None:
    check_stored(StoredArray(id, array.shape, axes, np.dtype(array.dtype), array.__getitem__))
    if axes.removesuffix("c")[-2:] != "yx":
        raise InputError(f"Axes '{axes}' must end in 'yx', or in 'yxc' for colors.")
