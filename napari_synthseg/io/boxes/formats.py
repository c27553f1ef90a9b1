"""All formats of boxes; importing this registers them."""

from __future__ import annotations

from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes import coco, table, voc, yolo  # noqa: F401 - they register
from napari_synthseg.io.boxes.listing import FORMATS, BoxFormat


def format_of(path: Path) -> BoxFormat | None:
    """Return the format that a file or folder of boxes is in; None if it is of another kind.

    Raises
    ------
    InputError
        If there is no such file or folder.
    """
    if not path.exists():
        raise InputError(f"There is no file '{path}': check the name.")
    return next((each for each in FORMATS.values() if each.recognizes(path)), None)


def format_named(name: str) -> BoxFormat:
    """Return a format by its name.

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    if name not in FORMATS:
        raise InputError(f"--format {name}: boxes are of the formats {', '.join(FORMATS)}.")
    return FORMATS[name]
