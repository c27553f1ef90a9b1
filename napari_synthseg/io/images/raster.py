"""PNG, JPEG and BMP files: decoded whole, upright, alpha dropped, palettes looked up."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images import tables
from napari_synthseg.io.images.stored_array import (
    ImageFormat,
    Index,
    StoredArray,
    check_budget,
    gone,
)

_GRAY = {"1": "?", "L": "u1", "LA": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4"}

_PNG_START = b"\x89PNG\r\n\x1a\n"
_READERS: dict[bytes, type[ImageFile]] = {
    _PNG_START: PngImageFile,
    b"\xff\xd8\xff": JpegImageFile,
    b"BM": BmpImageFile,
}
"""How a file begins -> what reads it."""

_PNG_DEPTH, _PNG_COLOR = 24, 25
"""Where a PNG file says how many bits a sample has, and in the second bit whether it has colors."""

_QUARTER_TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


def open_raster(
    path: Path, as_ids: bool = False, number: int | None = None, as_stored: bool = False
) -> StoredArray:
    """Open a PNG, JPEG or BMP file, which is turned as its EXIF data say.

    With `as_ids` a palette image gives its indices instead of its colors: masks are often saved
    with a color for each id; and numbers of 2 or 4 bits are not stretched to the range of 8. With
    `as_stored` pixels are not turned, colors have 8 bits, and a palette gives red, green and blue
    even where it is gray.

    Raises
    ------
    InputError
        If it is none of these, damaged or too large, or a JPEG with `as_ids`.
    """
    bits = _gray_bits(path) if as_ids else 8
    with _opened(path) as image:
        if as_ids and not as_stored and image.format == "JPEG":
            raise InputError(
                f"'{path}' is a JPEG, which changes values, so that it holds no ids or classes: "
                "save the masks as PNG or TIFF."
            )
        mode, (width, height) = image.mode, image.size
        known = not as_stored and (
            image.format == "JPEG" or "exif" in image.info  # else all of a PNG is decoded
        )
        turn = int(image.getexif().get(ExifTags.Base.Orientation, 1)) if known else 1
        in_colors = mode == "P" and as_stored and not as_ids
        palette = _palette(path, image) if mode == "P" and not (as_ids or as_stored) else None
    deep = 0 if as_stored else _deep_channels(path)
    dtype: np.dtype[Any]
    if deep:
        gray, dtype = deep == 1, np.dtype(np.uint16)
    elif mode == "P" and not in_colors:
        gray = palette is None or palette.ndim == 1 or tables.table_kind(palette) == "scale"
        dtype = np.dtype(np.uint8)
    else:
        gray, dtype = mode in _GRAY, np.dtype(_GRAY.get(mode, "u1"))
    height, width = (width, height) if turn in _QUARTER_TURNED else (height, width)
    shape = (height, width) if gray else (height, width, 3)
    check_budget(path.name, int(np.prod(shape)), dtype.itemsize)

    def decode() -> NDArray[Any]:
        if deep:  # Pillow keeps but 8 bits of colors
            whole: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
            return (
                whole[..., 0] if gray and whole.ndim == 3 else whole[..., :3] if not gray else whole
            )
        with _opened(path) as image:
            if mode != "P" or in_colors:
                target = mode if mode in _GRAY else "RGB"
                array = np.asarray(image.convert("L" if target == "LA" else target))
                return array >> (8 - bits) if bits in (2, 4) else array
            indices = np.asarray(image)
        if palette is None or (gray and palette.ndim == 2):
            return indices
        return tables.look_up(palette, indices)

    def read(index: Index) -> NDArray[Any]:
        try:
            array = _upright(decode(), turn)
        except InputError:
            raise
        except FileNotFoundError:
            raise gone(path) from None
        except (OSError, SyntaxError, ValueError, imagecodecs.PngError) as error:
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
        notes=(f"it is turned upright, as its EXIF orientation ({turn}) says",) * (turn != 1),
    )


def _palette(path: Path, image: ImageFile) -> NDArray[np.uint8]:
    """Return the palette (entry, red green blue) of an image, or (entry,) if it is gray."""
    try:  # Pillow may decode all of the image for it
        table = np.array(image.getpalette("RGB") or [0, 0, 0], np.uint8).reshape(-1, 3)
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error
    return table[:, 0] if tables.table_kind(table) == "gray" else table


def _deep_channels(path: Path) -> int:
    """Return the channels, without alpha, of a PNG file of 16 bits; 0 of other files."""
    with path.open("rb") as file:
        start = file.read(_PNG_COLOR + 1)
    if len(start) <= _PNG_COLOR or not start.startswith(_PNG_START) or start[_PNG_DEPTH] != 16:
        return 0
    return 3 if start[_PNG_COLOR] & 2 else 1


def _gray_bits(path: Path) -> int:
    """Return the bits of a sample of a gray PNG file, which are stretched to 8; 8 of others."""
    with path.open("rb") as file:
        start = file.read(_PNG_COLOR + 1)
    is_gray = start.startswith(_PNG_START) and len(start) > _PNG_COLOR and start[_PNG_COLOR] == 0
    return start[_PNG_DEPTH] if is_gray else 8


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return an array (y, x, ...) as it is to be looked at, by its EXIF orientation."""
    turned = array.swapaxes(0, 1) if orientation in _QUARTER_TURNED else array
    upwards, leftwards = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return turned[:: -1 if upwards else 1, :: -1 if leftwards else 1]


def _opened(path: Path) -> ImageFile:
    """Open a file of one of our formats, whatever its name.

    `Image.open` would warn of files of half the size that is refused, and a warning cannot be
    silenced for one thread alone.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_PNG_START))
        for begin, reader in _READERS.items():
            if start.startswith(begin):
                image = reader(str(path))
                break
        else:
            raise ValueError("it is no PNG, JPEG or BMP")
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > 2 * limit:
        image.close()
        raise InputError(
            f"'{path}' is a picture too large to be read, which for PNG, JPEG and BMP can only "
            "be done whole: save it as a tiled TIFF or OME-Zarr."
        )
    return image


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"'{path}' cannot be read as an image: {error}. Save it again.")


FORMAT = ImageFormat(
    "PNG, JPEG, BMP",
    tuple(_READERS),
    open_raster,
    partial(open_raster, as_stored=True),
)
