"""Box annotations of other programs: the formats by name.

Importing this imports every module of this folder, and defining a `BoxFormat` registers it.
"""

from __future__ import annotations

from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import FORMATS, BoxFormat
from napari_synthseg.io.modules import import_modules

import_modules(__name__, __path__)


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
