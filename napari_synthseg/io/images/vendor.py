"""What the readers of microscope makers' formats have in common: libraries that may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.extras import load


def import_reader(package: str, path: Path) -> Any:
    """Return the library that reads a format.

    Raises
    ------
    InputError
        If it is not installed; the message says how to get it.
    """
    return load(package, f"'{path}'", "formats", ", or save the image as OME-TIFF")


@contextmanager
def damage_reported(path: Path, what: str) -> Iterator[None]:
    """Turn what a library raises on a damaged file into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a parser of damaged files fails in countless ways
        raise InputError(
            f"'{path}' cannot be read as {what}: {error}. Export it again, as OME-TIFF if that "
            "does not help."
        ) from error
