"""Keys work as the table says, which is shown on ?; help opens at the step that is shown."""

from __future__ import annotations

import pytest
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_synthseg.ui.app.help_window import HelpWindow
from napari_synthseg.ui.app.shortcuts_window import ShortcutsWindow
from napari_synthseg.ui.presenters.shortcuts import SHORTCUTS, own_shortcuts
from tests.ui.conftest import CENTERS

pytestmark = pytest.mark.gui


@pytest.fixture
def active(opened):
    """The same, with the window in front: keys of a window work in the active one only."""
    window = opened.panel.window()
    window.activateWindow()
    opened.wait(window.isActiveWindow, 5000)
    return opened


def of_type(bench, kind):
    return bench.panel.findChildren(kind)


def bound(layer):
    return {str(key) for key in layer.keymap}


def listed(place):
    return {str(coerce_keybinding(key)) for s in own_shortcuts(place) for key in s.keys}


def test_the_keys_of_the_table_are_those_that_layers_have(painting):
    assert bound(painting.regions) == listed("regions")
    painting.panel.layers.mark("clicks")
    assert bound(painting.clicks) == listed("clicks")


def test_layers_that_come_and_go_have_the_keys_of_the_table(opened):
    panel, layers = opened.panel, opened.panel.layers
    for center in CENTERS[:4]:
        opened.click(center)
    opened.settle()
    opened.wait(lambda: layers.outlines.feed.is_idle)
    layers.outlines.paint()
    opened.wait(lambda: layers.outlines.painter.layer is not None)
    assert bound(layers.outlines.painter.layer) == listed("outline")
    opened.press("Escape")
    assert layers.outlines.painter.layer is None
    panel.click_page.diameter.draw_button.click()
    assert bound(layers.drawing.layer) == listed("drawing")
    opened.press("Escape")
    assert layers.drawing.layer is None
    panel.click_page.suggest.ask_button.click()
    opened.wait(lambda: layers.suggestions.is_on)
    opened.settle()
    assert bound(layers.suggestions.layer.points) == listed("suggestions")


def test_keys_that_napari_binds_do_what_the_table_says(painting):
    regions = painting.regions
    for key, mode in (("F", "fill"), ("E", "erase"), ("P", "paint")):
        painting.press(key)
        assert regions.mode == mode
    size = regions.brush_size
    painting.press("]")
    larger = regions.brush_size
    painting.press("[")
    assert larger > size == regions.brush_size
    painting.panel.layers.mark("clicks")
    for key, mode in (("S", "select"), ("P", "add")):
        painting.press(key)
        assert painting.clicks.mode == mode
    painting.click((40, 50))
    clicks = painting.clicks
    painting.press("S")
    clicks.selected_data = {0}
    painting.press("Delete")
    assert len(clicks.data) == 0 == len(painting.session.project.clicks)
    checked = {"fill", "erase", "paint", "larger", "smaller", "select", "add", "delete"}
    others = {"pan", "rename", "tick"}  # held, or Qt's own of lists
    of_napari = {s.name for place in SHORTCUTS.values() for s in place if s.of_napari}
    assert of_napari == checked | others


def test_steps_and_the_blue_button_have_keys(active):
    active.press("Alt+4")
    assert active.panel.hint.text().startswith("Click on the centers")  # why it is locked
    active.click_all()
    active.press("Ctrl+Return")
    active.settle()
    assert active.panel.step == 1
    active.press("Alt+1")
    assert active.panel.step == 0


def test_question_mark_lists_all_keys(active):
    active.press("?")
    (window,) = of_type(active, ShortcutsWindow)
    texts = {label.text() for label in window.findChildren(QLabel)}
    every = [s for shortcuts in SHORTCUTS.values() for s in shortcuts]
    assert {s.what for s in every} | {s.shown_keys for s in every} <= texts
    window.close()


@pytest.mark.parametrize("step", range(-1, 5))
def test_the_question_mark_of_each_page_opens_the_help_of_that_page(bench, step):
    panel = bench.panel
    panel.step = step
    panel.stack.show_page(step + 1)
    QTest.mouseClick(panel.header.help_button, Qt.MouseButton.LeftButton)
    (window,) = of_type(bench, HelpWindow)
    page = window.browser

    def is_at_step() -> bool:
        top = page.cursorForPosition(page.viewport().rect().topLeft()).block().text()
        return (
            top.startswith(f"{step + 1}. ") if step >= 0 else not page.verticalScrollBar().value()
        )

    bench.wait(is_at_step)
    window.close()


def test_help_opens_at_the_step_from_key_and_button(active):
    active.press("F1")
    active.panel.header.help_button.click()
    windows = of_type(active, HelpWindow)
    assert len(windows) == 2
    for window in windows:
        page = window.browser
        active.wait(lambda page=page: page.verticalScrollBar().value() > 0)
        top = page.cursorForPosition(page.viewport().rect().topLeft()).block()
        assert top.text().startswith("1. Click")
        window.close()


def test_digits_choose_a_class_once_its_name_or_diameter_is_set(opened):
    """Else the digit would be typed over the name of the class, or into its diameter."""
    page = opened.panel.click_page
    page.add_button.click()
    first, second = opened.session.project.classes
    table = page.table
    row = table.visualRect(table.model().index(0, 2)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=row)
    QTest.keyClick(table, Qt.Key.Key_2)
    assert opened.panel.layers.clicks.next_class == second.value
    QTest.keyClick(table, Qt.Key.Key_1)
    assert opened.panel.layers.clicks.next_class == first.value
    assert opened.session.project.classes == (first, second)
    box = table.cellWidget(1, 3)
    opened.panel.activateWindow()
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "30")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert opened.session.project.classes[1].diameter == 30
    assert not box.hasFocus()
