"""The panel in its window: docked anywhere, two at once, other themes and scales, and leaving."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from typing import Any
from weakref import ref

import pytest
from napari.settings import get_settings
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer
from qtpy.QtGui import QCloseEvent, QHelpEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QToolTip, QVBoxLayout, QWidget

from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.app.close_watch import CloseWatch
from napari_synthseg.ui.app.dock_room import dock_of
from napari_synthseg.ui.presenters.steps import CLICK, START
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session
from tests.ui.conftest import CENTERS, Bench, draw_discs

pytestmark = pytest.mark.gui


def check_clicking(bench, center):
    """Click an object; its click is saved where it is."""
    before = len(bench.session.project.clicks)
    bench.viewer.fit_to_view()
    bench.panel.layers.activate_marking()
    bench.click(center)
    bench.wait(lambda: len(bench.session.project.clicks) == before + 1, 5000)
    where = bench.session.project.clicks[-1].position
    assert max(abs(a - b) for a, b in zip(where, center, strict=True)) < 1


def test_the_panel_works_wherever_it_is_docked_and_floating(opened):
    dock, window = dock_of(opened.panel), opened.panel.window()
    areas = Qt.DockWidgetArea
    places = (areas.LeftDockWidgetArea, areas.RightDockWidgetArea)
    for area, center in zip(places, CENTERS, strict=False):
        window.addDockWidget(area, dock)
        opened.qtbot.wait(50)
        check_clicking(opened, center)
        assert_nothing_is_cut_off(opened)
    dock.setFloating(True)
    opened.qtbot.wait(50)
    check_clicking(opened, CENTERS[5])
    assert_nothing_is_cut_off(opened)
    assert dock.height() > 600, "most of a page is in sight"
    assert 600 < opened.panel.sizeHint().height() < 740, "and fits a small screen"
    opened.viewer.theme = "light"
    opened.qtbot.wait(50)
    window.close()
    assert opened.session is None


def test_keys_of_the_window_work_on_the_canvas_that_the_panel_floats_above(opened):
    panel, dock = opened.panel, dock_of(opened.panel)
    window = panel.window()
    for is_floating in (True, False):
        panel.show_step(START)
        dock.setFloating(is_floating)
        window.activateWindow()
        opened.wait(lambda: QApplication.activeWindow() is window)
        opened.press("Alt+1")
        assert panel.step == CLICK
    panel.show_step(START)
    dock.setFloating(True)
    dock.activateWindow()
    opened.wait(lambda: QApplication.activeWindow() is dock)
    QTest.keyClick(panel.primary, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert panel.step == CLICK


def assert_nothing_is_cut_off(bench):
    panel = bench.panel
    for number, page in enumerate(panel.pages.values()):
        area = panel.stack.widget(number)
        area.lay_out()
        assert page.minimumSizeHint().width() <= max(area.viewport().width(), panel.width())


def test_two_windows_have_a_project_each_and_one_writer(opened, make_napari_viewer, qtbot):
    from napari_synthseg.ui.app.widget import SynthSegWidget

    viewer = make_napari_viewer(show=True)
    panel = SynthSegWidget(viewer)
    viewer.window.add_dock_widget(panel, name="SynthSeg", area="right")
    second = Bench(viewer, panel, qtbot)
    panel.files.use_layer(viewer.add_image(draw_discs(), name="discs"))
    second.settle()
    opened.clicks.add(CENTERS[0])
    second.clicks.add(CENTERS[1:3])
    assert [len(each.session.project.clicks) for each in (opened, second)] == [1, 2]

    opened.session.store.flush()
    panel.files.open_project(opened.session.folder)
    second.settle()
    assert second.session.read_only
    assert not opened.session.read_only
    assert "another window of this program" in panel.notice.text()
    second.clicks.add(CENTERS[4])
    opened.clicks.add(CENTERS[5])
    second.wait(lambda: len(second.clicks.data) == 1)
    assert len(opened.session.project.clicks) == 2
    assert_nothing_can_be_edited(second, qtbot)
    panel.controller.show(None)
    assert panel.click_page.add_button.isEnabled()
    panel.shut_down()
    assert opened.panel.controller.edit(opened.session.project.without_clicks([]), "go on")


def assert_nothing_can_be_edited(bench, qtbot):
    """What edits is disabled and tells why, however pages refresh; what only looks works."""
    panel = bench.panel
    for step in panel.pages:
        panel.show_step(step)
        bench.settle()
    click, images, train = panel.click_page, panel.click_page.images, panel.train_page
    for control in (
        click.add_button, click.remove_button, click.table, click.exhaustive, images.details.name,
        images.details.remove_button, images.add_button, images.import_button, train.form,
        train.work.start_button, panel.synthesize_page.choice, panel.patches_page.reject_button,
        panel.start_page.opening, panel.results_page.improve.button,
    ):  # fmt: skip
        assert not control.isEnabled()
    assert panel.synthesize_page.preview_button.isEnabled()
    assert train.offered_step().why_disabled.startswith("Nothing can be changed here. Opened read")
    panel.show_step(1)
    button = click.add_button
    where = button.rect().center()
    help_event = QHelpEvent(QEvent.Type.ToolTip, where, button.mapToGlobal(where))
    QApplication.sendEvent(button, help_event)
    assert "another window of this program" in QToolTip.text()
    QToolTip.hideText()


def test_colors_follow_the_theme_at_once(opened):
    panel = opened.panel
    dark, was = panel.styleSheet(), panel.stepper.buttons[0].colors
    opened.viewer.theme = "light"
    opened.wait(lambda: panel.styleSheet() != dark)
    assert panel.stepper.buttons[0].colors != was
    opened.viewer.theme = "dark"
    opened.wait(lambda: panel.styleSheet() == dark)


AT_DOUBLE_SCALE = """
import sys
import time
import napari
from qtpy.QtTest import QTest
from napari_synthseg.ui.app.widget import SynthSegWidget
from napari_synthseg.ui.viewer import file_actions
from pathlib import Path
from tests.ui.app.test_window import assert_nothing_is_cut_off, check_clicking
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.app.close_watch import CloseWatch
from napari_synthseg.ui.app.dock_room import dock_of
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session
from tests.ui.conftest import CENTERS, Bench, draw_discs

class Bot:
    wait = staticmethod(QTest.qWait)

    def waitUntil(self, condition, timeout):
        end = time.monotonic() + timeout / 1000
        while not condition():
            assert time.monotonic() < end
            self.wait(20)


file_actions.projects_folder = lambda: Path(sys.argv[1])
viewer = napari.Viewer()
viewer.window.resize(950, 590)
panel = SynthSegWidget(viewer)
viewer.window.add_dock_widget(panel, name="SynthSeg", area="right")
bench = Bench(viewer, panel, Bot())
panel.files.use_layer(viewer.add_image(draw_discs(), name="discs"))
bench.settle()
assert panel.devicePixelRatioF() == 2.0
check_clicking(bench, CENTERS[6])
assert_nothing_is_cut_off(bench)
panel.grab().save(sys.argv[2])
viewer.close()
"""


def test_at_double_scale_clicks_are_right_and_nothing_is_cut_off(tmp_path):
    picture = tmp_path / "panel.png"
    command = [sys.executable, "-c", AT_DOUBLE_SCALE, str(tmp_path), str(picture)]
    done = subprocess.run(
        command, env={**os.environ, "QT_SCALE_FACTOR": "2"}, capture_output=True, text=True
    )
    assert picture.exists(), done.stderr


class ClosedByUser(QCloseEvent):
    """A close event that comes from the window system."""

    def spontaneous(self) -> bool:
        return True


def answer(text):
    """Press a button of the question that is about to be asked; return a list for its text."""
    texts = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        texts.append(box.text())
        next(b for b in box.buttons() if b.text().replace("&", "") == text).click()

    QTimer.singleShot(200, press)
    return texts


def wait_for(go_on):
    """Work until an event is set."""
    while not go_on.wait(0.02):
        yield Progress(0.0)


def test_the_user_is_asked_once_before_a_training_stops(clicked, monkeypatch):
    from tests.ui.app.test_steps import start_training

    start_training(clicked, steps=100_000)
    controller, panel = clicked.panel.controller, clicked.panel
    window = panel.window()
    (watch,) = window.findChildren(CloseWatch)
    monkeypatch.setattr(get_settings().application, "confirm_close_window", True)
    event = ClosedByUser()
    ways = {
        "button of the window": lambda: watch.eventFilter(window, event),
        "File > Close Window": lambda: window.close(quit_app=False, confirm_need=True),
        "File > Exit": lambda: window.close(quit_app=True, confirm_need=True),
        "cross of the panel": lambda: dock_of(clicked.panel).title.close_button.click(),
        "New project": panel.files.new_project,
    }
    for leave in ways.values():
        answer("Keep it running")
        leave()
        assert controller.job("training") is not None
    assert not event.isAccepted()
    assert window.isVisible()
    answer("Stop it")
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # the fixture closes it again
    watch.eventFilter(window, ClosedByUser())
    clicked.wait(lambda: not window.isVisible(), 5000)  # napari does not ask again
    assert controller.session is None


def test_exit_asks_once_for_the_work_of_all_windows(opened, make_napari_viewer, qtbot, monkeypatch):
    from napari_synthseg.ui.app.widget import SynthSegWidget

    viewer = make_napari_viewer(show=True)
    panel = SynthSegWidget(viewer)
    viewer.window.add_dock_widget(panel, name="SynthSeg", area="right")
    second = Bench(viewer, panel, qtbot)
    panel.files.use_layer(viewer.add_image(draw_discs(), name="discs"))
    second.settle()
    go_on = threading.Event()
    for bench, lane in ((opened, "learning"), (second, "training"), (second, "learning")):
        bench.panel.controller.run(Job(wait_for(go_on), "long work"), lane=lane)
    windows = [bench.panel.window() for bench in (opened, second)]
    monkeypatch.setattr(get_settings().application, "confirm_close_window", True)
    quits = []
    monkeypatch.setattr("napari._qt.qt_main_window.quit_app_", lambda: quits.append(1))
    texts = answer("Keep it running")
    windows[0].close(quit_app=True, confirm_need=True)
    assert all(window.isVisible() for window in windows)
    first, other = (bench.session.folder.stem for bench in (opened, second))
    assert first != other
    assert texts[0].splitlines() == [
        f"{first}: Dual images are being learned.",
        f"{other}: A model is being trained.",
        f"{other}: Dual images are being learned.",
        "",
        "Leaving napari stops all of it.",
    ]
    answer("Keep it running")
    windows[0].close(quit_app=False, confirm_need=True)
    assert windows[0].isVisible()
    texts = answer("Stop it")
    windows[0].setAttribute(
        Qt.WidgetAttribute.WA_DeleteOnClose, False
    )  # the fixture closes it again
    windows[0].close(quit_app=True, confirm_need=True)
    assert len(texts) == len(quits) == 1
    assert opened.session is None
    assert not windows[0].isVisible()
    go_on.set()
    second.settle()
    panel.shut_down()


def another_panel(bench):
    """Return a second panel in the window of a bench."""
    from napari_synthseg.ui.app.widget import SynthSegWidget

    panel = SynthSegWidget(bench.viewer)
    bench.viewer.window.add_dock_widget(panel, name="SynthSeg again", area="right")
    bench.qtbot.wait(50)
    return panel


def test_the_page_has_the_room_whatever_was_docked_before(bench):
    for number in range(3):  # napari puts more room below each panel than below the one before
        other = QWidget()
        QVBoxLayout(other).addWidget(QLabel("of another plugin"))
        bench.viewer.window.add_dock_widget(other, name=f"other {number}", area="left")
        bench.viewer.window.remove_dock_widget(other)
    panel = another_panel(bench)
    bench.viewer.window.resize(1100, 1100)
    bench.wait(lambda: panel.height() > 400)
    bench.wait(lambda: panel.stack.height() > panel.height() / 2)
    panel.shut_down()


def test_two_panels_of_a_window_are_asked_for_together(opened):
    other = another_panel(opened)
    go_on = threading.Event()
    window, controller = opened.panel.window(), opened.panel.controller
    controller.run(Job(wait_for(go_on), "long work"), lane="training")
    answer("Keep it running")
    window.close(quit_app=False, confirm_need=True)
    other.shut_down()
    answer("Keep it running")
    window.close(quit_app=False, confirm_need=True)
    assert controller.job("training") is not None
    assert window.isVisible()
    go_on.set()
    opened.settle()


def test_a_closed_panel_is_freed_while_its_window_stays(bench):
    panel = another_panel(bench)
    kept: list[ref[Any]] = [ref(panel), ref(panel.controller), ref(panel.layers)]
    bench.viewer.window.remove_dock_widget(panel)
    bench.qtbot.wait(50)
    del panel
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert [each() for each in kept] == [None] * 3


WITHOUT_LOOP = """
import sys
import time
import napari
from pathlib import Path
from qtpy.QtTest import QTest
from napari_synthseg.ui.viewer import file_actions

file_actions.projects_folder = lambda: Path(sys.argv[1])
viewer = napari.Viewer()
_, panel = viewer.window.add_plugin_dock_widget("napari-synthseg", "SynthSeg")
panel.open_sample("nuclei")
while sys.argv[2] == "opened" and panel.controller.session is None:
    QTest.qWait(50)
print("at the end")
"""


@pytest.mark.parametrize("when", ["opening", "opened"])
def test_a_script_that_never_runs_the_event_loop_ends_in_silence(tmp_path, when):
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_LOOP, str(tmp_path), when]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("at the end\n")
    assert "Traceback" not in done.stderr
    for file in tmp_path.glob("*.synthseg/project.db"):  # it may have ended before it was made
        with Session.open(file.parent).result() as session:
            assert not session.read_only  # the lock was released


def test_who_agrees_in_the_menu_is_not_asked_by_napari_too(clicked, monkeypatch):
    from tests.ui.app.test_steps import start_training

    start_training(clicked, steps=100_000)
    asked = []
    monkeypatch.setattr("napari._qt.qt_main_window.ConfirmCloseDialog", asked.append)
    monkeypatch.setattr(get_settings().application, "confirm_close_window", True)
    window = clicked.panel.window()
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # the fixture closes it again
    answer("Stop it")
    window.close(quit_app=False, confirm_need=True)
    assert not window.isVisible()
    assert clicked.panel.controller.session is None
    assert not asked


def test_nobody_is_asked_where_nothing_would_be_lost(clicked, monkeypatch):
    panel = clicked.panel
    window = panel.window()
    (watch,) = window.findChildren(CloseWatch)
    assert not watch.eventFilter(window, ClosedByUser())
    panel.files.new_project()
    assert clicked.session is None
    monkeypatch.setattr(get_settings().application, "confirm_close_window", False)
    window.close(quit_app=False, confirm_need=True)
    assert not window.isVisible()


def test_the_panel_is_as_wide_as_its_pages_with_a_large_font(opened):
    panel, appearance = opened.panel, get_settings().appearance
    before, narrow = appearance.font_size, panel.minimumSizeHint().width()
    try:
        appearance.font_size = 12
        opened.wait(lambda: panel.minimumSizeHint().width() > narrow, 10_000)
        opened.qtbot.wait(200)
        for page in panel.pages.values():
            assert page.minimumSizeHint().width() < panel.stack.width()
    finally:
        appearance.font_size = before
