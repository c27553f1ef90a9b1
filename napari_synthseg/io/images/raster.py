"""PNG, JPEG and BMP files: decoded whole, alpha dropped, palettes looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.stored_array import Index, StoredArray, check_budget

FORMATS = ("PNG", "JPEG", "BMP")

_GRAY = {"1": "?", "L": "u1", "LA": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4"}


def open_raster(path: Path, *, as_ids: bool = False) -> StoredArray:
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
    gray = _GRAY.get("L" if mode == "P" and as_ids else mode)
    dtype = np.dtype(gray or "u1")
    shape = (height, width) if gray else (height, width, 3)
    check_budget(path.name, int(np.prod(shape)), dtype.itemsize)

    def read(index: Index) -> NDArray[Any]:
        try:
            with _opened(path) as image:
                array = np.asarray(_plain(image, as_ids))
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
        return Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        raise InputError(
            f"'{path}' is too large for its format: save it as a tiled TIFF or OME-Zarr."
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error


def _plain(image: Image.Image, as_ids: bool) -> Image.Image:
    if image.mode == "P" and as_ids:
        return image
    if image.mode == "LA":
        return image.getchannel("L")
    if image.mode in _GRAY:
        return image
    return image.convert("RGB") if image.mode != "RGBA" else _without_alpha(image)


def _without_alpha(image: Image.Image) -> Image.Image:
    return Image.merge("RGB", image.split()[:3])


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"'{path}' cannot be read as an image: {error}. Save it again.")
