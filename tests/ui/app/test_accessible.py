"""Everything in the panel can be reached by keyboard, has a name, and says what it does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)

pytestmark = pytest.mark.gui

KINDS = (
    QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QAbstractSlider, QAbstractItemView,
)  # fmt: skip


ROW_PX = 30
"""Controls side by side begin at most so far above each other, pixels."""


def controls(panel):
    """Return what the user acts on, without the parts that Qt makes it of."""
    for widget in panel.findChildren(QWidget):
        inner = isinstance(widget.parent(), (*KINDS, QScrollBar)) or isinstance(widget, QScrollBar)
        qt_own = widget.objectName().startswith("qt_") or widget.window() is not panel.window()
        if isinstance(widget, KINDS) and not inner and not qt_own:
            yield widget


def tip(widget, panel):
    """Return the tool tip that Qt shows: the widget's own, or that of what it is in."""
    while widget is not panel:
        if widget.toolTip():
            return widget.toolTip()
        widget = widget.parentWidget()
    return ""


def name(widget, panel):
    """Return the name that a screen reader says: its own, its text, or the label beside it."""
    own = widget.accessibleName()
    if not own and isinstance(widget, QAbstractButton):
        own = widget.text()
    labels = panel.findChildren(QLabel)
    return own or next((label.text() for label in labels if label.buddy() is widget), "")


def described(widget):
    where = type(widget.parent()).__name__
    return f"{type(widget).__name__} '{getattr(widget, 'text', str)()}' in {where}"


def test_every_control_has_a_tool_tip_and_a_name_and_takes_the_focus(painting):
    panel = painting.panel
    found = list(controls(panel))
    assert len(found) > 60
    acts = [w for w in found if not isinstance(w, QAbstractItemView)]
    assert [described(w) for w in acts if not tip(w, panel)] == []
    named = [w for w in found if not (isinstance(w, QAbstractButton) and w.isHidden())]
    assert [described(w) for w in named if not name(w, panel)] == []
    by_tab = Qt.FocusPolicy.TabFocus
    assert [described(w) for w in found if not w.focusPolicy() & by_tab] == []


def is_by_arrows(widget, reached):
    """Tell whether arrow keys lead to a button, from the pressed one of its group."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return group is not None and group.exclusive() and group.checkedButton() in reached


def test_what_has_the_focus_is_seen(clicked):
    """A picture of each control differs with the focus on it."""
    panel, window = clicked.panel, clicked.panel.window()
    window.activateWindow()
    clicked.wait(window.isActiveWindow, 5000)
    unseen, focused = set(), 0
    for step in panel.pages:
        panel.stack.setCurrentIndex(step + 1)
        clicked.qtbot.wait(20)
        for widget in controls(panel):
            if not (widget.isVisible() and widget.isEnabled()):
                continue
            elsewhere = panel.primary if widget is not panel.primary else panel.header.help_button
            elsewhere.setFocus()
            before = widget.grab().toImage()
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            focused += widget.hasFocus()
            if widget.hasFocus() and widget.grab().toImage() == before:
                unseen.add(described(widget))
    assert not unseen
    assert focused > 40


def test_tab_leads_down_the_page_and_shift_tab_back(clicked):
    panel, window = clicked.panel, clicked.panel.window()
    window.activateWindow()
    clicked.wait(window.isActiveWindow, 5000)
    panel.header.project_button.setFocus()
    way, tops, forward, back = [], [], Qt.Key.Key_Tab, Qt.Key.Key_Backtab
    while (focus := QApplication.focusWidget()) is not panel.primary:
        way.append(focus)
        if panel.page.isAncestorOf(focus):
            tops.append((focus, focus.mapTo(panel.page, focus.rect().topLeft()).y()))
        assert len(way) < 60
        QTest.keyClick(focus, forward)
    assert len(tops) > 8
    assert not [described(b) for (_, y), (b, z) in pairwise(tops) if z < y - ROW_PX]
    for expected in reversed(way):
        QTest.keyClick(QApplication.focusWidget(), back)
        assert QApplication.focusWidget() is expected


def test_tab_comes_to_every_control_of_each_page(clicked):
    panel, window = clicked.panel, clicked.panel.window()
    window.activateWindow()
    clicked.wait(window.isActiveWindow, 5000)
    missed = {}
    for step, page in panel.pages.items():
        panel.stack.setCurrentIndex(step + 1)
        panel.stack.currentWidget().lay_out()
        clicked.qtbot.wait(20)
        wanted = {w for w in controls(panel) if w.isVisible() and w.isEnabled()}
        panel.header.project_button.setFocus()
        reached = {panel.header.project_button}
        for _ in range(2 * len(wanted) + 30):
            focus = QApplication.focusWidget()
            assert focus is not None
            reached.add(focus)
            QTest.keyClick(focus, Qt.Key.Key_Tab)
        missed[type(page).__name__] = [
            described(w) for w in wanted - reached if not is_by_arrows(w, reached)
        ]
    assert not any(missed.values()), missed
