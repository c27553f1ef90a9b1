"""The gallery: filters by finding, suggestions, verdicts with undo, by real keys and clicks."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.annotations import Click
from napari_synthseg.ui.widgets.gallery import CELL, Gallery
from napari_synthseg.ui.widgets.style import theme_colors

pytestmark = pytest.mark.gui


@pytest.fixture
def doubled(clicked):
    """A project with two clicks on one object, on the page of the patches."""
    session = clicked.session
    first = session.project.clicks[0]
    near = tuple(p + 1.5 for p in first.position)
    again = Click(id="again", image=first.image, position=near, cls=first.cls)
    session.edit(session.project.with_clicks(again), "click again")
    clicked.panel.show_step(1)
    clicked.settle()
    return clicked


def page(bench):
    return bench.panel.patches_page


def entries(box):
    return {box.itemData(i): box.itemText(i) for i in range(box.count())}


def test_filters_tell_what_occurs_and_show_it(doubled):
    panel = page(doubled)
    found = entries(panel.filter)
    assert found["duplicate"] == "duplicate (1)"
    assert found["all"] == f"all ({len(doubled.session.project.clicks)})"
    panel.filter.setCurrentIndex(panel.filter.findData("duplicate"))
    assert [p.id for p in panel.gallery.items] == ["again"]


def test_doubtful_patches_are_rejected_at_once_and_come_back_at_once(doubled):
    panel = page(doubled)
    assert panel.suggested_button.isVisible()
    suggested = len(doubled.session.library.suggested())
    assert panel.suggested_button.text() == f"Reject all suggested ({suggested})"
    QTest.mouseClick(panel.suggested_button, Qt.MouseButton.LeftButton)
    assert "again" in doubled.session.library.rejected
    assert not panel.suggested_button.isVisible()
    verdict = next(v for v in doubled.session.project.verdicts if v.patch == "again")
    assert "duplicate" in verdict.reason
    doubled.session.undo()
    assert not doubled.session.library.rejected
    assert panel.suggested_button.isVisible()


def test_an_accepted_patch_is_not_suggested_again(doubled):
    panel = page(doubled)
    panel.filter.setCurrentIndex(panel.filter.findData("duplicate"))
    panel.gallery.setCurrentIndex(panel.gallery.model().index(0, 0))
    assert "a second click" in panel.about.text()
    QTest.keyClick(panel.gallery, Qt.Key.Key_A)
    assert "again" not in {p.id for p in doubled.session.library.suggested()}
    assert "again" not in doubled.session.library.rejected


def test_every_order_can_be_chosen(doubled):
    panel = page(doubled)
    panel.filter.setCurrentIndex(0)
    shown = set()
    for index in range(panel.order.count()):
        panel.order.setCurrentIndex(index)
        shown.add(tuple(p.id for p in panel.gallery.items))
        assert len(panel.gallery.items) == len(doubled.session.project.clicks)
    assert len(shown) > 2


def test_the_gallery_asks_for_two_rows_so_that_a_small_screen_has_room_for_the_rest(qtbot):
    gallery = Gallery("Patches")
    qtbot.addWidget(gallery)
    assert gallery.sizeHint().height() == gallery.minimumHeight() == 2 * CELL.height()


def test_links_to_issues_are_read_in_each_theme(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    issues = clicked.panel.patches_page.issues
    for theme in ("light", "dark"):
        clicked.viewer.theme = theme
        color = theme_colors(theme).link
        clicked.wait(lambda color=color: color in issues.text())
    assert "of 12 good" in issues.text()
