"""What was just shown stays in view while its page changes, until the user goes elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.gui


@dataclass
class Page:
    """A page of 1,000 px seen through 200: a note on top, a field, and what is to be seen."""

    area: Any
    note: Any
    field: Any
    shown: Any
    qtbot: Any

    def is_seen(self) -> bool:
        return bool(self.shown.visibleRegion().boundingRect().height() == self.shown.height())


@pytest.fixture
def page(qtbot):
    from qtpy.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

    area, whole = QScrollArea(), QWidget()
    column = QVBoxLayout(whole)
    note, field, shown, rest = QFrame(), QLineEdit(), QFrame(), QFrame()
    for widget, height in ((note, 100), (shown, 100), (rest, 800)):
        widget.setFixedHeight(height)
    for widget in (note, field, shown, rest):
        column.addWidget(widget)
    area.setWidgetResizable(True)
    area.setWidget(whole)
    qtbot.addWidget(area)
    area.resize(300, 200)
    area.show()
    qtbot.waitExposed(area)
    made = Page(area, note, field, shown, qtbot)
    assert not made.is_seen()
    return made


def keep(page):
    from napari_synthseg.ui.widgets.kept_in_view import KeptInView

    KeptInView(page.shown)
    page.qtbot.waitUntil(page.is_seen)


def test_it_stays_in_view_however_late_the_page_changes(page):
    keep(page)
    for height in (400, 900, 30):
        page.qtbot.wait(200)  # the page lies still in between
        page.note.setFixedHeight(height)
        page.qtbot.waitUntil(lambda height=height: page.note.height() == height)
        page.qtbot.waitUntil(page.is_seen)
    page.area.resize(300, 150)
    page.qtbot.waitUntil(page.is_seen)


def scroll_by_wheel(page):
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    up, spot = QPoint(0, 1200), QPointF(page.area.viewport().rect().center())
    none = Qt.KeyboardModifier.NoModifier
    place = QPointF(page.area.viewport().mapToGlobal(spot.toPoint()))
    event = QWheelEvent(
        spot,
        place,
        QPoint(),
        up,
        Qt.MouseButton.NoButton,
        none,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(page.area.viewport(), event)


def type_elsewhere(page):
    page.area.activateWindow()
    page.qtbot.waitUntil(page.area.isActiveWindow)
    page.field.setFocus()


def hide(page):
    page.shown.hide()
    page.shown.show()


@pytest.mark.parametrize("go", [scroll_by_wheel, type_elsewhere, hide])
def test_who_goes_elsewhere_is_left_there(page, go):
    keep(page)
    go(page)
    page.area.verticalScrollBar().setValue(0)
    page.note.setFixedHeight(500)
    page.qtbot.waitUntil(lambda: page.note.height() == 500)
    page.qtbot.wait(100)
    assert page.area.verticalScrollBar().value() == 0


def test_what_lies_on_no_page_is_left_alone(qtbot):
    from qtpy.QtWidgets import QLabel

    from napari_synthseg.ui.widgets.kept_in_view import KeptInView

    label = QLabel("alone")
    qtbot.addWidget(label)
    label.show()
    KeptInView(label)
    qtbot.wait(20)
    assert label.isVisible()
