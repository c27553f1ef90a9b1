"""PNG, JPEG and BMP files: decoded whole, alpha dropped, palettes looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.stored_array import ImageFormat, Index, StoredArray, check_budget

RASTER_FORMATS = ("PNG", "JPEG", "BMP")

_GRAY = {"1": "?", "L": "u1", "LA": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4"}


def open_raster(path: Path, as_ids: bool = False) -> StoredArray:
    """Open a PNG, JPEG or BMP file.

    With `as_ids` a palette image gives its indices instead of its colors: masks are often saved
    with a color for each id.

    Raises
    ------
    InputError
        If it is none of these, damaged or too large.
    """
    with _opened(path) as image:
        mode, (width, height) = image.mode, image.size
    if mode not in _GRAY and not (mode == "P" and as_ids):
        mode = "RGB"
    gray = mode != "RGB"
    dtype = np.dtype(_GRAY.get(mode, "u1"))
    shape = (height, width) if gray else (height, width, 3)
    check_budget(path.name, int(np.prod(shape)), dtype.itemsize)

    def read(index: Index) -> NDArray[Any]:
        try:
            with _opened(path) as image:
                array = np.asarray(image.convert("L" if mode == "LA" else mode))
        except (OSError, SyntaxError, ValueError) as error:
            raise _damaged(path, error) from error
        if array.shape != shape:
            raise InputError(f"'{path}' changed while it was read: add it again.")
        return array.astype(dtype, copy=False)[index]

    return StoredArray(
        name=path.name,
        shape=shape,
        axes="yx" if gray else "yxc",
        dtype=dtype,
        read=read,
        is_color=not gray,
        whole=True,
    )


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path, formats=RASTER_FORMATS)
    except Image.DecompressionBombError:
        raise InputError(
            f"'{path}' is too large for its format: save it as a tiled TIFF or OME-Zarr."
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"'{path}' cannot be read as an image: {error}. Save it again.")


FORMAT = ImageFormat("PNG, JPEG, BMP", (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"), open_raster)
