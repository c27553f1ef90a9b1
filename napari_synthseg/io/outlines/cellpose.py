"""Masks of Cellpose: the ``_seg.npy`` that its window saves, and label images in ``.npy``."""

from __future__ import annotations

import io
import math
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.base import OutlinedImage, OutlineFormat, SizeOf
from napari_synthseg.io.outlines.inert_pickle import (
    BadPickleError,
    as_array,
    only_object,
    read_pickle,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.text import read_bytes

NOT_A_HEADER = (SyntaxError, TokenError)
"""What NumPy raises beside ValueError where a header is none."""

MAX_BYTES = 2**31
"""Of a file, which beside the masks holds flows, and often the image."""


class CellposeFormat(OutlineFormat):
    """Cellpose. Its file is a pickle, of which only the array of masks is read; nothing runs."""

    name = "cellpose"
    title = "Cellpose _seg.npy"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is an array of NumPy."""
        return file.head.startswith(b"\x93NUMPY")

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read the masks; see `OutlineFormat.read`."""
        name = file.path.name
        try:
            masks = _masks(read_bytes(file.path, MAX_BYTES))
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, EOFError, OverflowError, *NOT_A_HEADER) as error:
            raise InputError(
                f"{name}: it holds no masks of Cellpose that can be read safely ({error}): in "
                "Cellpose choose File > Save masks as PNG/TIF, and import these by --masks."
            ) from None
        return (OutlinedImage(name, None, ids=_ids(name, masks)),)


def _masks(content: bytes) -> NDArray[Any]:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read_header(stream)
    if not kind.hasobject:
        size, there = math.prod(shape) * kind.itemsize, len(content) - stream.tell()
        if not 0 <= size <= there:
            raise ValueError(f"its header says {size} bytes of pixels, and there are {there}")
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    found = only_object(read_pickle(content[stream.tell() :]))
    if not isinstance(found, dict) or "masks" not in found:
        raise BadPickleError("it has no 'masks'")
    return as_array(found["masks"])


def _ids(name: str, masks: NDArray[Any]) -> NDArray[np.int32]:
    """Return instance ids; a first axis of one plane is none."""
    masks = masks[0] if masks.ndim == 3 and len(masks) == 1 else masks
    whole = masks.dtype.kind in "iub" or (
        masks.dtype.kind == "f" and bool(np.isfinite(masks).all() and (masks % 1 == 0).all())
    )
    if masks.ndim not in (2, 3) or not masks.size or not whole:
        raise InputError(f"{name}: its array of {masks.dtype}, {masks.shape}, holds no ids.")
    if masks.min() < 0 or masks.max() > np.iinfo(np.int32).max:
        raise InputError(f"{name}: its ids are negative or too large: renumber the objects.")
    return np.ascontiguousarray(masks, np.int32)
