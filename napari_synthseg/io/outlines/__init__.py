"""Outlines and points of other programs: the formats by name.

Importing this imports every module of this folder, and defining an `OutlineFormat` registers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.modules import import_modules
from napari_synthseg.io.outlines.base import OUTLINE_FORMATS, OutlinedImage, OutlineFormat, SizeOf
from napari_synthseg.io.sniffing import SniffedFile

import_modules(__name__, __path__)


def find_outline_format(whole: SniffedFile) -> OutlineFormat | None:
    """Return the format of a file of outlines, or of those in a folder; None if it is of no such.

    Raises
    ------
    InputError
        If a file is cut short.
    """
    for file in chain([whole], _files_in(whole.path)):
        for each in OUTLINE_FORMATS.values():
            if each.recognizes(file):
                return each
    return None


def read_outlines(
    path: Path, size_of: SizeOf, outline_format: OutlineFormat | None = None
) -> Iterator[OutlinedImage]:
    """Yield what is drawn on each image, by a file or by all files of one format in a folder.

    Parameters
    ----------
    path
        The file or folder. Files of other formats in a folder are passed over.
    size_of
        Gives the size of an image that is known by its name only.
    outline_format
        Its format, or None to find it.

    Raises
    ------
    InputError
        If it is of no format of outlines, or makes no sense.
    """
    whole = SniffedFile(path)
    found = outline_format or find_outline_format(whole)
    if found is None:
        titles = ", ".join(each.title for each in OUTLINE_FORMATS.values())
        raise InputError(f"{path} holds no outlines that can be read ({titles}).")
    files = [whole] if found.recognizes(whole) else _files_in(path)
    for file in files:
        if found.recognizes(file):
            yield from found.read(file, size_of)


def _files_in(path: Path) -> Iterator[SniffedFile]:
    """Yield the files of a folder, none hidden."""
    for each in sorted(path.iterdir()) if path.is_dir() else ():
        if each.is_file() and not each.name.startswith("."):
            yield SniffedFile(each)
