"""Which files outside any project this user lets this program read by absolute path.

A project that came by mail may name any path, and merely opening ``//server/share/x.tif`` tells
that server who you are. So an absolute path in a project is read only if the user gave exactly
that path, or a folder above it, to this program on this machine. What was given is remembered in
one small file of the user's own, never in a project.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from platformdirs import user_config_path

from napari_synthseg.io.atomic import write_text

FILE_NAME = "outside_paths.txt"

_session: set[Path] = set()
_guard = threading.Lock()


def allow(path: Path, *, remember: bool = False) -> None:
    """Let `path`, and all below it, be read from any project.

    With `remember` this holds for later sessions too, where the user's folder can be written.
    """
    path = absolute(path)
    with _guard:
        _session.add(path)
        if remember and path not in (known := _remembered()):
            text = "".join(f"{line}\n" for line in sorted(map(str, known | {path})))
            with suppress(OSError):  # then it holds for this session only
                write_text(_file(), text)


def end_session() -> None:
    """Forget what was given and not remembered, as the end of the program does."""
    with _guard:
        _session.clear()


def is_allowed(path: Path) -> bool:
    """Tell whether the user gave `path`, or a folder above it, to this program."""
    path = absolute(path)
    with _guard:
        given = _session | _remembered()
    return any(path.is_relative_to(other) for other in given)


def absolute(path: Path) -> Path:
    """Return a path from the root, without ``..``, links left as they are."""
    return Path(os.path.normpath(Path.cwd() / path))


def _remembered() -> set[Path]:
    try:
        lines = _file().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {Path(line) for line in lines if Path(line).is_absolute()}


def _file() -> Path:
    return user_config_path("napari-synthseg", appauthor=False) / FILE_NAME
