"""Opening an image file by its content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io import images
from napari_synthseg.io.images.folder_stack import is_folder_stack, open_folder_stack
from napari_synthseg.io.images.ome_zarr import is_zarr, open_ome_zarr
from napari_synthseg.io.images.stored_array import (
    KNOWN_AXES,
    ImageFormat,
    StoredArray,
    check_stored,
)
from napari_synthseg.io.modules import import_modules
from napari_synthseg.io.paths import is_there

IMAGE_FORMATS: tuple[ImageFormat, ...] = tuple(
    module.FORMAT
    for module in import_modules(images.__name__, images.__path__)
    if hasattr(module, "FORMAT")
)
"""Formats of image files, one for each module of this folder that gives one."""

_START_BYTES = 16


def open_file(
    path: Path,
    *,
    as_ids: bool = False,
    series: int | None = None,
    axes: str | None = None,
    as_stored: bool = False,
) -> StoredArray:
    """Open a file by its content, not by its name.

    Parameters
    ----------
    path
        A file, an OME-Zarr folder, or a folder of planes, see `folder_stack`.
    as_ids
        It holds masks, whose numbers are ids.
    series
        Which of the images in the file, where it holds several.
    axes
        One letter of "tczyx" per axis, in place of what the file says.
    as_stored
        Numbers are read as older versions did, see `ImageRef.as_stored`.

    Raises
    ------
    InputError
        If it is missing, of no known format, or damaged, or such axes cannot be.
    """
    if is_there(path) and path.is_dir():
        if is_zarr(path):
            stored = open_ome_zarr(path, series)
        elif is_folder_stack(path):
            stored = open_folder_stack(path, lambda file: _open(file, as_ids, None, as_stored))
        else:
            raise InputError(
                f"'{path}' is a folder, but neither an OME-Zarr image nor a folder of image files: "
                "choose a file."
            )
    else:
        stored = _open(path, as_ids, series, as_stored)
    return check_stored(with_axes(stored, axes))


def _open(path: Path, as_ids: bool, series: int | None, as_stored: bool) -> StoredArray:
    if is_there(path) and not path.is_file():  # opening a pipe would wait forever
        raise InputError(f"'{path}' is neither a file nor a folder: choose an image file.")
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except FileNotFoundError:
        raise InputError(f"There is no file '{path}': check the name.") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.") from None
    for image_format in IMAGE_FORMATS:
        if start.startswith(image_format.starts):
            opener = (as_stored and image_format.open_as_stored) or image_format.open
            return opener(path, as_ids, series)
    if not start:
        raise InputError(f"'{path}' is empty (0 bytes): copy it again from where it came.")
    raise InputError(
        f"'{path}' is no image that can be read here "
        f"({', '.join(each.title for each in IMAGE_FORMATS)}, OME-Zarr): convert it, "
        "or open it in napari and add its layer."
    )


def with_axes(stored: StoredArray, axes: str | None) -> StoredArray:
    """Return a stored array with other axes than its file says; None changes nothing.

    Raises
    ------
    InputError
        If they are not as many as the array has.
    """
    if axes is None or axes == stored.axes:
        return stored
    if len(axes) != len(stored.axes):
        raise InputError(
            f"'{stored.name}': axes '{axes}' do not fit its shape {stored.shape}, which the file "
            f"names '{stored.axes}': give one letter of '{KNOWN_AXES}' for each axis, or add the "
            "image again."
        )
    renamed = dict(zip(stored.axes, axes, strict=True))
    sizes = {renamed[axis]: size for axis, size in stored.pixel_size.items() if axis in renamed}
    return replace(
        stored,
        axes=axes,
        unnamed="",
        is_color=stored.is_color and renamed.get("c") == "c",
        pixel_size={axis: size for axis, size in sizes.items() if axis in "zyx"},
    )
