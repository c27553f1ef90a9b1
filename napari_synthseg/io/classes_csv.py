"""What the values in images of classes are called: a small table ``value,name`` beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.tables import Columns, read_rows, write_rows

HEADER = ("value", "name")
COLUMNS = Columns(HEADER, (), frozenset(), ",".join(HEADER), others=True)


def read_class_names(path: Path) -> dict[int, str]:
    """Read class value -> name. The background, 0, may be among them.

    Raises
    ------
    InputError
        If the table cannot be read, a value is no whole number from 0, a name is empty, or one of
        them is there twice; the message names the row.
    """
    names: dict[int, str] = {}
    for where, cells in read_rows(path, COLUMNS):
        text, name = cells["value"], cells["name"]
        if not (text.isascii() and text.isdecimal()):
            raise InputError(f"{where}: the value is '{text}': give a whole number, 0 or more.")
        if not name:
            raise InputError(f"{where}: class {text} has no name: give it one.")
        if int(text) in names:
            raise InputError(f"{where}: the value {text} is there twice: name each value once.")
        if name in names.values():
            raise InputError(f"{where}: the name '{name}' is there twice: name the values apart.")
        names[int(text)] = name
    return names


def write_class_names(path: Path, names: Mapping[int, str]) -> None:
    """Write class value -> name, by rising value.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_rows(path, HEADER, sorted(names.items()))
