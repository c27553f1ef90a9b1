"""Box annotations of other programs: the formats by name.

Importing this registers the formats of this package; others register by subclassing `BoxFormat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes import coco, table, voc, yolo  # noqa: F401 - they register
from napari_synthseg.io.boxes.base import FORMATS, BoxFormat

if TYPE_CHECKING:
    from pathlib import Path


def find_box_format(path: Path) -> BoxFormat | None:
    """Return the format that a file or folder of boxes is in; None if it is of another kind.

    Raises
    ------
    InputError
        If there is no such file or folder.
    """
    if not path.exists():
        raise InputError(f"There is no file '{path}': check the name.")
    return next((each for each in FORMATS.values() if each.recognizes(path)), None)


def box_format(name: str) -> BoxFormat:
    """Return a format by its name.

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    return FORMATS.lookup(name)
