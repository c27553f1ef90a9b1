"""What lies on a page leaves the wheel to the page."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.ui.widgets.wheel_guard import WheelGuard

pytestmark = pytest.mark.gui


def takes_wheel(widget):
    """Turn the wheel over a widget; return whether it was taken, or is left to the page."""
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle, QPointF(widget.mapToGlobal(middle.toPoint())), QPoint(), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@pytest.fixture
def area(qtbot):
    page = QWidget()
    page.setMinimumHeight(2000)
    QVBoxLayout(page)
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    WheelGuard(page)
    qtbot.addWidget(area)
    area.show()
    qtbot.waitExposed(area)
    return area


def entry_of(widget):
    return widget.currentIndex() if isinstance(widget, QComboBox) else widget.value()


@pytest.mark.parametrize("kind", [QComboBox, QDoubleSpinBox, QSlider])
def test_what_is_added_later_is_crossed_unchanged(area, qtbot, kind):
    widget = kind()
    if kind is QComboBox:
        widget.addItems(["a", "b", "c"])
        widget.setCurrentIndex(1)
    else:
        widget.setValue(5)
    before = entry_of(widget)
    area.widget().layout().addWidget(widget)
    qtbot.wait(50)
    assert not takes_wheel(widget)
    assert entry_of(widget) == before
    if kind is QComboBox:  # an entry was chosen, then the page is scrolled on
        area.activateWindow()
        widget.setFocus()
        assert not takes_wheel(widget)
        assert entry_of(widget) == before


def test_a_number_that_is_edited_takes_the_wheel(area, qtbot):
    box = QDoubleSpinBox(value=5)
    area.widget().layout().addWidget(box)
    area.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    assert takes_wheel(box)
    assert box.value() == 4
