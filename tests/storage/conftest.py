from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_synthseg.storage import consent
from napari_synthseg.storage.project_store import ProjectStore


@pytest.fixture(autouse=True)
def own_settings(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Keep what tests allow out of the user's own settings, and out of other tests."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(home))
    consent.end_session()
    yield home
    consent.end_session()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cells.synthseg"


@pytest.fixture
def store(folder: Path) -> Iterator[ProjectStore]:
    opened = ProjectStore.create(folder)
    yield opened
    opened.close()
