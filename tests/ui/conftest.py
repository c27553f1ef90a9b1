"""A real viewer with the panel docked, and a tiny image of bright discs to work on."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from tests.plugins.conftest import installed  # noqa: F401 - a fixture for these tests, too

SHAPE = (128, 160)
CENTERS = tuple((y, x) for y in (24, 64, 104) for x in (24, 60, 98, 134))
DIAMETER = 16.0


def draw_discs(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return a noisy image with bright discs at `CENTERS`, uint16."""
    rng = np.random.default_rng(7)
    rows, columns = np.indices(shape)
    image = rng.normal(200, 12, shape)
    for row, column in CENTERS:
        image += 800 * (np.hypot(rows - row, columns - column) < DIAMETER / 2 - 0.5)
    return np.clip(image, 0, None).astype(np.uint16)


@dataclass
class Bench:
    """The viewer, the panel, and what tests do with them."""

    viewer: Any
    panel: Any
    qtbot: Any

    def wait(self, condition: Callable[[], bool], timeout: int = 60_000) -> None:
        """Let the window live until a condition holds."""
        self.qtbot.waitUntil(condition, timeout=timeout)

    def idle(self) -> bool:
        """Tell whether no work runs."""
        return self.panel.controller.is_idle

    def settle(self) -> None:
        """Let all work come to its end."""
        self.wait(self.idle, 180_000)  # torch alone may take a minute to load on a busy machine

    @property
    def session(self) -> Any:
        """The session on the desk."""
        return self.panel.controller.session

    @property
    def clicks(self) -> Any:
        """The Clicks layer."""
        return self.panel.layers.clicks.layer

    @property
    def regions(self) -> Any:
        """The Regions layer."""
        return self.panel.layers.regions.layer

    def canvas(self) -> Any:
        """The canvas that takes mouse events."""
        return self.viewer.window._qt_viewer.canvas.native

    def on_canvas(self, position: tuple[float, float]) -> Any:
        """Return where on the canvas an image position (data coordinates) lies."""
        from qtpy.QtCore import QPoint

        layer = self.clicks if self.clicks is not None else self.regions
        world = np.array(layer.data_to_world(position))
        camera, canvas = self.viewer.scene.camera, self.canvas()
        y, x = (world[-2:] - np.array(camera.center[-2:])) * camera.zoom
        return QPoint(round(x + canvas.width() / 2), round(y + canvas.height() / 2))

    def click(self, position: tuple[float, float]) -> None:
        """Click on the canvas as a user does."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.mouseMove(self.canvas(), self.on_canvas(position))
        QTest.mouseClick(
            self.canvas(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            self.on_canvas(position),
        )

    def drag(self, *positions: tuple[float, float]) -> None:
        """Press the mouse at the first position, and move it over the others."""
        from qtpy.QtCore import QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QApplication

        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        points = [self.on_canvas(position) for position in positions]
        QTest.mouseMove(self.canvas(), points[0])
        QTest.mousePress(self.canvas(), left, none, points[0])
        for point in points[1:]:
            for share in (0.5, 1.0):
                here = points[0] + (point - points[0]) * share
                self.qtbot.wait(40)  # the canvas drops mouse moves that follow too fast
                event = QMouseEvent(QEvent.Type.MouseMove, QPointF(here), left, left, none)
                QApplication.sendEvent(self.canvas(), event)
        self.qtbot.wait(40)
        QTest.mouseRelease(self.canvas(), left, none, points[-1])

    def press(self, key: str) -> None:
        """Press a key on the canvas, as "2" or "Ctrl+Z"."""
        from qtpy.QtGui import QKeySequence
        from qtpy.QtTest import QTest

        self.canvas().setFocus()
        QTest.keySequence(self.canvas(), QKeySequence(key))

    def click_all(self) -> None:
        """Put a click on every disc, in one edit."""
        self.clicks.add(np.array(CENTERS, float))


@pytest.fixture(scope="module")
def loaded():
    """Load what every window needs, and keep it out of garbage collection.

    napari collects garbage whenever a layer is removed; going through all that PyTorch, SciPy and
    napari made while they were imported took half of the time of these tests.
    """
    import_module("napari_synthseg.ui.app.widget")
    import_module("npe2").PluginManager.instance().discover(include_npe1=True)
    import_module("napari._qt.qt_main_window")
    import_module("torch")
    import_module("skimage.segmentation")
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def projects(tmp_path, monkeypatch):
    """Keep new projects in the test's own folder."""
    folder = tmp_path / "projects"
    monkeypatch.setattr("napari_synthseg.ui.viewer.file_actions.projects_folder", lambda: folder)
    return folder


@pytest.fixture
def bench(loaded, make_napari_viewer, qtbot, monkeypatch):
    """A viewer with the panel docked, and no image."""
    from npe2 import PluginManager
    from qtpy.compat import isalive

    from napari_synthseg.ui.app.widget import SynthSegWidget

    # `loaded` found all: to read their manifests anew took a tenth of each test
    monkeypatch.setattr(PluginManager, "discover", lambda *args, **how: 0)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 700)
    panel = SynthSegWidget(viewer)
    viewer.window.add_dock_widget(panel, name="SynthSeg", area="right")
    bench = Bench(viewer, panel, qtbot)
    yield bench
    panel.shut_down()
    window = viewer.window
    if hasattr(window, "_qt_window") and not isalive(window._qt_viewer):
        del window._qt_window  # a test closed it; napari's fixture would close it again


@pytest.fixture
def opened(bench):
    """The same with the image of discs in use, ready for clicking."""
    layer = bench.viewer.add_image(draw_discs(), name="discs")
    bench.panel.files.use_layer(layer)
    bench.settle()
    assert bench.panel.step == 0
    project = bench.session.project
    cls = project.classes[0].model_copy(update={"diameter": DIAMETER})
    bench.session.edit(project.with_classes(cls), "set diameter")
    return bench


@pytest.fixture
def painting(opened):
    """The same, ready for painting regions of two classes."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    panel = opened.panel.click_page
    panel.add_button.click()
    QTest.mouseClick(panel.switch.buttons["regions"], Qt.MouseButton.LeftButton)
    opened.wait(lambda: opened.regions is not None)
    opened.settle()
    opened.press("1")
    return opened


@pytest.fixture
def clicked(opened):
    """The same with a click on every disc, and settings that train in a moment."""
    from napari_synthseg.core.specs import ModelSpec, TrainSpec
    from napari_synthseg.synthesis import default_recipe

    opened.click_all()
    spec = TrainSpec(
        minutes=None, steps=4, batch_size=2, crop=64, model=ModelSpec(width=4, depth=2)
    )
    settings = {"train_spec": spec, "recipe": default_recipe().model_copy(update={"size": 96})}
    project = opened.session.project.model_copy(update=settings)
    opened.session.edit(project, "set training")
    return opened


@pytest.fixture
def told():
    """What was told to the user."""
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return notification_manager.records
