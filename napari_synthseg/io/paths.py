"""Asking the system for paths that people give."""

from __future__ import annotations

from pathlib import Path

from napari_synthseg.core.errors import InputError


def is_there(path: Path) -> bool:
    """Tell whether a file or folder exists.

    Raises
    ------
    InputError
        If the system does not say: a folder above may not be entered, or the name is too long.
    """
    try:
        return path.exists()
    except OSError as error:
        raise InputError(f"'{path}' cannot be looked for: {error.strerror}.") from None
