"""Suggestions in the window: asked for, answered by key and by button, brushed, taken back."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from tests.ui.conftest import CENTERS

pytestmark = pytest.mark.gui


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def layer_names(bench):
    return [layer.name for layer in bench.viewer.layers]


def test_suggestions_are_answered_by_keys_one_by_one_and_all_at_once(opened):
    box, review = opened.panel.click_page.suggest, opened.panel.layers.suggestions
    assert not box.ask_button.isEnabled() and "Click 3 more" in box.ask_button.toolTip()
    opened.viewer.window.resize(1000, 560)  # the page is longer than its window
    for center in CENTERS[:4]:
        opened.click(center)
    session = opened.session
    press(box.ask_button)
    opened.wait(lambda: review.is_on)
    opened.settle()
    opened.wait(lambda: not box.reject_all.visibleRegion().isEmpty())
    first, *others = review.open
    assert len(others) == 7 and review.current is first
    assert opened.viewer.layers.selection.active is not None
    assert opened.viewer.layers.selection.active.name == "Suggestions"
    press(box.stop_button)
    press(box.stop_button)
    opened.wait(lambda: not box.reject_all.visibleRegion().isEmpty())
    opened.press("A")
    assert [c.id for c in session.project.clicks[4:]] == [first.id]
    assert review.current is others[0]
    opened.press("N")
    assert review.current is others[1]
    opened.press("B")
    opened.press("R")
    assert [c.id for c in session.project.negatives] == [others[0].id]
    opened.press("Ctrl+Z")
    opened.press("Ctrl+Z")
    assert len(session.project.clicks) == 4 and review.open == [first, *others]
    press(box.stop_button)
    assert "Suggestions" not in layer_names(opened) and box.stop_button.text() == "Show"
    press(box.stop_button)
    opened.panel.show_step(1)
    opened.settle()
    assert not {"Suggestions", "Suggested outlines"} & set(layer_names(opened))
    opened.panel.show_step(0)
    assert opened.viewer.layers.selection.active is opened.clicks
    assert box.stop_button.text() == "Show"
    press(box.stop_button)
    opened.viewer.fit_to_view(layers=[opened.viewer.layers["discs"]])
    opened.wait(lambda: len(review.layer.in_view) == len(review.open))
    press(box.accept_all)
    assert len(session.project.clicks) == 12 and review.open == []
    assert "answered" in box.count.text()
    session.undo()
    assert len(session.project.clicks) == 4


def test_selected_suggestions_are_answered_together_and_cannot_be_moved_or_deleted(opened):
    box, review = opened.panel.click_page.suggest, opened.panel.layers.suggestions
    for center in CENTERS[:4]:
        opened.click(center)
    press(box.ask_button)
    opened.wait(lambda: review.is_on)
    opened.settle()
    opened.viewer.fit_to_view(layers=[opened.viewer.layers["discs"]])
    opened.wait(lambda: len(review.layer.in_view) == len(review.open))
    opened.drag((50, 5), (115, 75))
    opened.wait(lambda: len(review.chosen) == 4)
    points = review.layer.points
    before = points.data.copy()
    points.data = before + 3
    opened.wait(lambda: (points.data == before).all())
    opened.press("R")
    assert len(opened.session.project.negatives) == 4 and len(review.open) == 4
    opened.session.undo()
    assert len(opened.session.project.negatives) == 0 and len(review.open) == 8
