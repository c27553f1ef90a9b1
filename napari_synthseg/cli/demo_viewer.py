"""The demo on a desktop: napari with the panel docked, walking a sample through to its scores.

The panel is reached the way a user reaches it, through napari's plugin menu, so that the command
line knows nothing of how panels are made.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

BINDINGS = ("PyQt5", "PyQt6", "PySide6", "PySide2")


def why_no_viewer() -> str:
    """Return in words why no window can be opened here, or ''."""
    if not any(find_spec(name) for name in BINDINGS):
        return "no Qt binding is installed (pip install 'napari-synthseg[pyqt5]')"
    has_desktop = sys.platform in ("win32", "darwin")
    if not (has_desktop or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return ""


def open_viewer(sample: str) -> None:
    """Open napari on a sample, let the panel take the tour, and return when it is closed."""
    import napari

    viewer = napari.Viewer(title="napari-synthseg demo")
    _, panel = viewer.window.add_plugin_dock_widget("napari-synthseg", "SynthSeg")
    panel.open_sample(sample, tour=True)
    napari.run()
