"""Opening an image file by its content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io import images
from napari_synthseg.io.images.ome_zarr import is_zarr, open_ome_zarr
from napari_synthseg.io.images.stored_array import ImageFormat, StoredArray, check_stored
from napari_synthseg.io.modules import import_modules

IMAGE_FORMATS: tuple[ImageFormat, ...] = tuple(
    module.FORMAT
    for module in import_modules(images.__name__, images.__path__)
    if hasattr(module, "FORMAT")
)
"""Formats of image files, one for each module of this folder that gives one."""


def open_file(path: Path, *, as_ids: bool = False) -> StoredArray:
    """Open a file by its content, not by its name; `as_ids` for masks.

    Raises
    ------
    InputError
        If it is missing, of no known format, or damaged.
    """
    if path.is_dir():
        if not is_zarr(path):
            raise InputError(f"'{path}' is a folder, but no OME-Zarr image: choose a file.")
        return check_stored(open_ome_zarr(path))
    if path.exists() and not path.is_file():  # opening a pipe would wait forever
        raise InputError(f"'{path}' is neither a file nor a folder: choose an image file.")
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError:
        raise InputError(f"There is no file '{path}': check the name.") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.") from None
    for image_format in IMAGE_FORMATS:
        if start.startswith(image_format.starts):
            return check_stored(image_format.open(path, as_ids))
    raise InputError(
        f"'{path}' is no image that can be read here "
        f"({', '.join(each.title for each in IMAGE_FORMATS)}, OME-Zarr): convert it, "
        "or open it in napari and add its layer."
    )


def with_axes(stored: StoredArray, axes: str | None) -> StoredArray:
    """Return a stored array with other axes than its file says; None changes nothing."""
    if axes is None or axes == stored.axes:
        return stored
    changed = replace(stored, axes=axes, is_color=stored.is_color and "c" in axes)
    return check_stored(changed)
