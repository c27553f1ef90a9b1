"""An array as a file holds it: what every reader gives, before channels, planes and intensity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError

KNOWN_AXES = "tczyx"

MAX_READ_BYTES = 4 * 2**30
"""What one read may allocate; a file that claims more is refused before anything is allocated."""

Index = tuple[int | slice, ...]
"""One integer or slice (with positive step) per stored axis."""


@dataclass(frozen=True, eq=False)
class StoredArray:
    """One array in a file.

    Attributes
    ----------
    name
        What messages call it.
    shape, axes, dtype
        `axes` holds one letter of "tczyx" per axis.
    read
        Returns the part at an `Index`, without reading more than the format demands.
    is_color
        The c axis holds red, green and blue, which keep their relation.
    whole
        The format can only be decoded whole, so that a caller should keep what it read.
    chunk
        Extent along each axis of what is decoded at once; empty: any part costs its pixels.
    pixel_size
        Axis letter -> size of a pixel in `unit`, where the file says so.
    unit
        Unit of `pixel_size`.
    unnamed
        Letters of `axes` that the file does not name, so that they are a guess.
    fill
        The value that the file declares to stand for missing pixels.
    image_rows
        Rows above the information bar of an electron microscope, where the file says so.
    series
        What the images in the file are called, where there are several to choose from.
    plane_files
        Names of the files of its planes along the first axis, where it is a folder of them.
    notes
        What of the file is not kept, or taken otherwise than it may seem: a sentence each, without
        the file's name, that starts in small letters.
    """

    name: str
    shape: tuple[int, ...]
    axes: str
    dtype: np.dtype[Any]
    read: Callable[[Index], NDArray[Any]]
    is_color: bool = False
    whole: bool = False
    chunk: tuple[int, ...] = ()
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    unit: str = "px"
    unnamed: str = ""
    fill: float | None = None
    image_rows: int | None = None
    series: tuple[str, ...] = ()
    plane_files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def size(self, axis: str) -> int:
        """Return the extent along an axis; 1 where there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1


@dataclass(frozen=True)
class ImageFormat:
    """A format of image files, which a module of `io.images` gives as its ``FORMAT``.

    Attributes
    ----------
    title
        What people call it.
    starts
        What its files begin with, one of these.
    open
        Opens an image of a file. The second argument says that it holds masks, whose numbers are
        ids; the third which of several images is meant, None where nobody chose one.
    open_as_stored
        The same without what the file says of its numbers, see `ImageRef.as_stored`; None where
        that makes no difference.
    """

    title: str
    starts: tuple[bytes, ...]
    open: Callable[[Path, bool, int | None], StoredArray]
    open_as_stored: Callable[[Path, bool, int | None], StoredArray] | None = None


def choose_series(path: Path, titles: Sequence[str], wanted: int | None) -> int:
    """Return the number of the image of a file that is meant; of a single one, 0.

    Parameters
    ----------
    path
        The file, for messages.
    titles
        What its images are called, with their sizes.
    wanted
        The number that the user gave, if any.

    Raises
    ------
    InputError
        If there is no such image, or there are several and nobody chose; the message lists them.
    """
    if wanted is None and len(titles) == 1:
        return 0
    if wanted is not None and 0 <= wanted < len(titles):
        return wanted
    listed = "; ".join(f"{n}: {title}" for n, title in enumerate(titles[:12]))
    more = "; ..." if len(titles) > 12 else ""
    absent = "" if wanted is None else f"has no image {wanted}, it "
    raise InputError(
        f"'{path}' {absent}holds {len(titles)} image(s) ({listed}{more}): choose one with "
        "--series NUMBER, or all with --series all."
    )


def check_stored(stored: StoredArray) -> StoredArray:
    """Return a stored array unchanged if it can be an image.

    Raises
    ------
    InputError
        If its axes, its type or its size cannot be.
    """
    axes = stored.axes
    if len(axes) != len(stored.shape) or len(set(axes)) != len(axes):
        raise InputError(
            f"'{stored.name}': axes '{axes}' do not fit its shape {stored.shape}: give one letter "
            f"of '{KNOWN_AXES}' for each axis, or add the image again."
        )
    if unknown := set(axes) - set(KNOWN_AXES):
        raise InputError(
            f"'{stored.name}' has an axis '{unknown.pop()}' (axes {axes}, shape {stored.shape}): "
            "only t, c, z, y and x can be used: name it otherwise with --axes, or save the part "
            "that you need as a file of its own."
        )
    if "y" not in axes or "x" not in axes:
        raise InputError(
            f"'{stored.name}' is no image: it has axes '{axes}' (shape {stored.shape}), without y "
            "and x. Name them otherwise with --axes."
        )
    if stored.dtype.kind not in "buif":
        raise InputError(
            f"'{stored.name}' holds {stored.dtype} values: convert it to integers or floats."
        )
    if 0 in stored.shape:
        raise InputError(f"'{stored.name}' is empty: its shape is {stored.shape}.")
    return stored


def check_budget(name: str, values: int, itemsize: int) -> None:
    """Refuse to allocate more than `MAX_READ_BYTES`, or than is free now, at once.

    Raises
    ------
    InputError
        If `values` items of `itemsize` bytes are more than that.
    """
    needed, limit = values * itemsize, min(MAX_READ_BYTES, psutil.virtual_memory().available)
    if needed > limit:
        raise InputError(
            f"'{name}' would need {needed / 2**30:.1f} GB of memory at once (limit "
            f"{limit / 2**30:.1f} GB): use a smaller region, or save it as a tiled TIFF or "
            "OME-Zarr."
        )


def gone(path: Path) -> InputError:
    """Return the error that says that a file vanished after it was opened."""
    return InputError(
        f"'{path}' is no longer there: put it back, or lead the project to its new place (project "
        "menu: Find moved images), then go on."
    )
