"""The third-party distribution of `installed`, on the path or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_synthseg.core.plugins import forget_plugins

INSTALLED = Path(__file__).parent / "installed"


def _forget() -> None:
    forget_plugins()
    for name in [name for name in sys.modules if name.partition(".")[0] == "density_centers"]:
        del sys.modules[name]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Put the distribution on the path for a test; `uninstall` removes it earlier."""
    install(monkeypatch)
    yield monkeypatch
    uninstall(monkeypatch)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the distribution on the path."""
    monkeypatch.syspath_prepend(INSTALLED)
    _forget()


def uninstall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the distribution off the path, as if its package were removed."""
    if str(INSTALLED) in sys.path:
        sys.path.remove(str(INSTALLED))
    _forget()
