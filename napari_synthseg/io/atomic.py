"""Files and folders that are there whole or not at all, whenever program or machine stops."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file next to `target`, then move it to the target's place.

    Raises
    ------
    OSError
        If it cannot be written; the target is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(target, "part")
    try:
        write(partial)
        _to_disk(partial)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _to_disk(target.parent)


def replace_folder(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a new folder next to `target`, then move it to the target's place.

    Raises
    ------
    OSError
        If it cannot be written; the target is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, before = _beside(target, "part"), _beside(target, "old")
    try:
        partial.mkdir()
        write(partial)
        if target.exists():
            target.rename(before)
        partial.rename(target)
    except BaseException:
        if before.exists() and not target.exists():
            before.rename(target)
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _to_disk(target.parent)
    shutil.rmtree(before, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 text as `replace_file` does."""
    replace_file(target, lambda partial: partial.write_text(text, "utf-8"))


def _beside(target: Path, end: str) -> Path:
    """Return a hidden place next to another; its name is short whatever that of the other."""
    return target.with_name(f".{uuid.uuid4().hex[:8]}.{end}")


def _to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows keeps no handle on folders, and needs none
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(handle)
