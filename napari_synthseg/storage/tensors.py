"""Files of arrays in a project: safetensors, which hold numbers and no code.

Every file is written next to its place and then moved there, so that a crash leaves no half-written
file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.storage.lock import require_writable

SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Arrays = dict[str, NDArray[Any]]


def safe_name(name: str) -> str:
    """Return a name that cannot lead out of its folder.

    Raises
    ------
    InputError
        If it could.
    """
    if not SAFE_NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot name a file in a project: use letters, digits, - and _.")
    return name


def save_tensors(
    folder: Path, target: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays by name, and texts by name, to `target` in a project's folder.

    Raises
    ------
    InputError
        If it cannot be written.
    ReadOnlyError
        If the project is open elsewhere.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}

    def write(path: Path) -> None:
        try:
            save_file(whole, path, dict(metadata))
        except SafetensorError as error:  # its own name for a full disk
            raise OSError(str(error)) from error

    write_file(folder, target, write)


def load_tensors(path: Path, remedy: str) -> tuple[Arrays, dict[str, str]]:
    """Read arrays by name, and texts by name.

    Raises
    ------
    InputError
        If the file is missing or damaged; the message ends with the remedy.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    except FileNotFoundError:
        raise InputError(f"'{path}' is missing: {remedy}.") from None
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error, remedy) from None


def save_tensors_with_meta(
    folder: Path, target: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> None:
    """Do what `save_tensors` does, with JSON types in place of texts."""
    save_tensors(folder, target, arrays, {"meta": json.dumps(dict(meta))})


def load_tensors_with_meta(path: Path, remedy: str) -> tuple[Arrays, dict[str, Any]]:
    """Read what `save_tensors_with_meta` wrote; raises as `load_tensors`."""
    arrays, metadata = load_tensors(path, remedy)
    try:
        meta: dict[str, Any] = json.loads(metadata["meta"])
    except (KeyError, ValueError) as error:
        raise _damaged(path, error, remedy) from None
    return arrays, meta


def _damaged(path: Path, error: Exception, remedy: str) -> InputError:
    return InputError(f"'{path}' is damaged ({error}): put a backup in its place, or {remedy}.")


def write_file(folder: Path, target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file of a project, which is there whole or not at all."""
    with writing(folder, target):
        replace_file(target, write)


@contextmanager
def writing(folder: Path, target: Path) -> Iterator[None]:
    """Make sure that a project's file may be written, and say so where it cannot."""
    require_writable(folder)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"'{target}' would be written outside the project '{folder.name}': a folder on the way "
            "to it is a link. Put the folder itself there."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"'{target}' cannot be written ({error}): free space or check the disk, and try again."
        ) from error
