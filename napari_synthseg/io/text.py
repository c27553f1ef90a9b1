"""Reading text files of other programs: UTF-8, of limited size, never a device or a pipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_synthseg.core.errors import InputError

MAX_BYTES = 2**29
"""Size of the largest text that is read: tables of several million objects."""


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return all of a file.

    Raises
    ------
    InputError
        If it is missing, no plain file, or larger than `max_bytes`.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait forever
            raise InputError(f"{path} is no file: choose a file.")
        if path.stat().st_size > max_bytes:
            raise InputError(
                f"{path} has {path.stat().st_size / 2**20:.0f} MB, more than the {max_bytes >> 20} "
                "MB that such a file may have: divide it."
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def read_text(path: Path, remedy: str = "save it as UTF-8") -> str:
    """Return a text without its byte-order mark; `remedy` ends the message where it is not UTF-8.

    Raises
    ------
    InputError
        If it cannot be read or is not UTF-8; the message names it.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a UTF-8 text: {remedy}.") from None


def read_json(path: Path) -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    InputError
        If it cannot be read, is cut short or otherwise not JSON; the message names the line.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path.name}, line {error.lineno}: not JSON ({error.msg}): the file may be cut short."
        ) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: not JSON that can be read ({error}).") from None
