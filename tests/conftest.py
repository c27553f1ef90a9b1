"""Rules that hold for every test: what a GUI test needs, and what happens where it is missing."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

# no deadline: a busy machine is no defect; where CI is set, the same examples at each run
settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("here")

# napari keeps no settings: to write them was a tenth of each test with a window
os.environ["NAPARI_CONFIG"] = ""

GUI_FIXTURES = {"qtbot", "qapp", "make_napari_viewer", "make_napari_viewer_proxy"}


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests write as settings out of the user's own."""
    home = str(tmp_path_factory.mktemp("settings"))
    names = ("HOME",) if sys.platform == "darwin" else ("XDG_CONFIG_HOME", "LOCALAPPDATA")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, home)
        yield


@pytest.fixture(autouse=True)
def nothing_known_before() -> None:
    """Forget what earlier tests cut and estimated, so that no test depends on another."""
    for name in ("canvas_parts", "cut_images"):
        if module := sys.modules.get(f"napari_synthseg.patches.{name}"):
            module.CACHE.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that opens a window, so that none can be forgotten."""
    for item in items:
        if GUI_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("gui")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a GUI test where no window can open, with the remedy."""
    if item.get_closest_marker("gui") and (reason := why_no_window()):
        pytest.skip(reason)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Turn a skipped GUI test into a failure where CI is set: there it must run."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("gui"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI is set, and a GUI test was skipped: {reason}"


def why_no_window() -> str:
    """Return what keeps a napari window from opening here and how to mend it, or ''."""
    if not any(importlib.util.find_spec(name) for name in ("PyQt5", "PyQt6", "PySide6")):
        return "no Qt binding: pip install 'napari-synthseg[pyqt5]'"
    on_x11 = sys.platform.startswith(("linux", "freebsd"))
    if on_x11 and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return (
            "no display: install Xvfb (Debian: apt-get install xvfb) and pytest-xvfb, and run "
            "'python -m nox -s tests', or pytest -m gui"
        )
    return ""
