"""Pages get their place when they are shown, or soon after the panel was opened."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLineEdit, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_synthseg.ui.app.page_stack import PageStack

PAGES = 3


@pytest.fixture
def panel(qtbot):
    """A panel of three pages, of a number and a text each, with a button above and below."""
    panel = QWidget()
    panel.fields = [(QSpinBox(), QLineEdit()) for _ in range(PAGES)]
    panel.pages = []
    for fields in panel.fields:
        page = QWidget()
        for field in fields:
            field.setParent(page)
        panel.pages.append(page)
    panel.stack = PageStack(panel.pages)
    panel.buttons = QPushButton("Above"), QPushButton("Below")
    layout = QVBoxLayout(panel)
    for widget in (panel.buttons[0], panel.stack, panel.buttons[1]):
        layout.addWidget(widget)
    qtbot.addWidget(panel)
    return panel


def chain(panel):
    """Return in which order Tab comes to the buttons and fields."""
    wanted = [*panel.buttons, *(field for fields in panel.fields for field in fields)]
    each, found = panel.buttons[0], []
    while each not in found:
        if each in wanted:
            found.append(each)
        each = each.nextInFocusChain()
    return found


def test_only_the_page_that_is_shown_has_a_place_at_first(panel):
    panel.stack.show_page(1)
    assert [page.parent() is not None for page in panel.pages] == [False, True, False]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_tab_goes_through_pages_in_their_order_whenever_they_were_laid_out(panel, order):
    for number in order:
        panel.stack.show_page(number)
    above, below = panel.buttons
    fields = [field for fields in panel.fields for field in fields]
    assert chain(panel) == [above, *fields, below]


def test_the_others_follow_once_the_panel_is_in_sight(panel, qtbot):
    panel.stack.show_page(0)
    panel.show()
    qtbot.waitUntil(lambda: all(page.parent() is not None for page in panel.pages))
    assert panel.stack.currentIndex() == 0
    assert [page.isVisible() for page in panel.pages] == [True, False, False]


def test_no_page_stays_behind_where_it_was_never_shown(panel):
    panel.stack.show_page(0)
    assert set(panel.pages) & set(QApplication.topLevelWidgets()) == set(panel.pages[1:])
    for _ in range(2):
        panel.stack.end()
        assert not set(panel.pages) & set(QApplication.topLevelWidgets())


def test_the_wheel_changes_no_number_of_a_page_that_comes_into_sight(panel):
    panel.show()
    for number, (count, _) in enumerate(panel.fields):
        panel.stack.show_page(number)
        assert count.focusPolicy() == Qt.FocusPolicy.StrongFocus


def test_the_panel_is_as_wide_at_every_step(clicked):
    panel = clicked.panel
    clicked.wait(lambda: all(page.parent() is not None for page in panel.pages.values()))
    widths = set()
    for step in range(4):
        panel.show_step(step)
        widths.add(panel.minimumSizeHint().width())
    assert len(widths) == 1
