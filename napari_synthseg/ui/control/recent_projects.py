"""The projects that this user had open last, in a small file of the user's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_config_path
from qtpy.QtCore import QSettings

from napari_synthseg.storage.lock import DATABASE_NAME

MOST_RECENT, MOST_OFFERED = 10, 3
"""How many are remembered, and how many of those that are still there are offered."""

_KEY = "recent_projects"


def note_project(folder: Path) -> None:
    """Remember that a project was opened just now."""
    folder = Path(os.path.normpath(Path.cwd() / folder))
    known = [folder, *(other for other in recent_projects() if other != folder)]
    _settings().setValue(_KEY, [str(each) for each in known[:MOST_RECENT]])


def recent_projects() -> list[Path]:
    """Return the folders of projects, the last one first; they may be gone."""
    known = _settings().value(_KEY, [])
    # a list of one comes back as text
    return [Path(each) for each in ([known] if isinstance(known, str) else known or [])]


def still_there(folders: Sequence[Path]) -> list[Path]:
    """Return the first few folders that still hold a project; slow where they are on a network."""
    found = list[Path]()
    for folder in folders:
        with suppress(OSError):
            if len(found) < MOST_OFFERED and (folder / DATABASE_NAME).is_file():
                found.append(folder)
    return found


def _settings() -> QSettings:
    path = user_config_path("napari-synthseg", appauthor=False) / "window.ini"
    return QSettings(str(path), QSettings.Format.IniFormat)
