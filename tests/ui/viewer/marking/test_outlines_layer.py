"""The outline of the object under a click stands on the image, and follows what is edited."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from tests.ui.conftest import CENTERS, DIAMETER, draw_discs

pytestmark = pytest.mark.gui


def outlines(bench):
    return bench.panel.layers.outlines


def found(bench):
    """Let the outlines come to rest; return click id -> outline."""
    feed = outlines(bench).feed
    bench.wait(lambda: feed.is_idle, 120_000)
    return {one.click.id: one for one in feed.outlines.shown}


def middles(bench):
    """Return the middle of each drawn outline, by its color."""
    layer = outlines(bench).layer
    starts = layer.data[:, 0]
    nearest = [int(np.hypot(*(np.array(CENTERS) - s).T).argmin()) for s in starts]
    return {CENTERS[n]: layer.edge_color[nearest.index(n)] for n in set(nearest)}


def test_what_mends_outlines_has_its_place_before_the_first_click(opened):
    box = opened.panel.click_page.outlines
    assert box.mending.isVisibleTo(box) and not box.mending.isEnabled()


def test_a_ring_is_told_from_an_outline_of_its_color(opened):
    opened.click(CENTERS[0])
    found(opened)
    ring, line = opened.clicks.border_color[0], outlines(opened).layer.edge_color[0]
    assert np.allclose(ring[:3], line[:3]), "both have the color of the class"
    assert line[3] > 0.8 > 0.6 > ring[3] > 0.4, "pale, but in sight where outlines are hidden"


def test_outlines_follow_clicks_made_moved_reclassed_deleted_and_undone(opened):
    project = opened.session.project
    opened.session.edit(project.with_classes(project.next_class("other", diameter=16.0)), "add")
    opened.click(CENTERS[0])
    (one,) = found(opened).values()
    assert one.diameter == pytest.approx(DIAMETER, abs=3)
    assert set(middles(opened)) == {CENTERS[0]}
    assert opened.viewer.layers.selection.active is opened.clicks
    box = opened.panel.click_page.outlines
    assert "sure" in box.about.text()

    opened.press("2")
    opened.click(CENTERS[5])
    found(opened)
    first, second = (c.color for c in opened.session.project.classes)
    drawn = {p: "#" + bytes(round(255 * c) for c in rgba[:3]).hex() for p, rgba in
             middles(opened).items()}  # fmt: skip
    assert drawn == {CENTERS[0]: first, CENTERS[5]: second}

    click = opened.session.project.clicks[0]
    moved = click.model_copy(update={"position": tuple(map(float, CENTERS[7]))})
    opened.session.edit(opened.session.project.with_clicks(moved), "move")
    found(opened)
    assert set(middles(opened)) == {CENTERS[5], CENTERS[7]}
    opened.press("Ctrl+Z")
    found(opened)
    assert set(middles(opened)) == {CENTERS[0], CENTERS[5]}
    opened.session.edit(opened.session.project.without_clicks([click.id]), "delete")
    found(opened)
    assert set(middles(opened)) == {CENTERS[5]}
    opened.viewer.layers[0].translate = (30, 40)  # the image
    assert tuple(outlines(opened).layer.translate) == (30, 40)


def test_outlines_are_hidden_deleted_and_shown_again(opened):
    box = opened.panel.click_page.outlines.shown
    opened.click(CENTERS[0])
    found(opened)
    opened.press("O")
    assert outlines(opened).layer is None
    assert not box.isChecked()
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert box.isChecked()
    found(opened)
    assert set(middles(opened)) == {CENTERS[0]}
    layers = list(opened.viewer.layers)
    assert layers.index(outlines(opened).layer) < layers.index(opened.clicks)
    opened.viewer.layers.remove(outlines(opened).layer)
    assert not box.isChecked()
    opened.click(CENTERS[1])
    assert len(opened.session.project.clicks) == 2
    opened.press("O")
    found(opened)
    assert set(middles(opened)) == {CENTERS[0], CENTERS[1]}


def test_an_outline_is_mended_by_key_and_brush_and_found_again(opened):
    box = opened.panel.click_page.outlines
    opened.click(CENTERS[0])
    opened.click(CENTERS[4])
    first, second = found(opened).values()
    mender, painter = outlines(opened).mender, outlines(opened).painter
    opened.press("]")
    opened.press("]")
    opened.wait(lambda: mender.is_idle)
    mended = found(opened)[second.click.id]
    assert mended.is_given
    assert mended.diameter > second.diameter + 2
    assert found(opened)[first.click.id] is first
    QTest.mouseClick(box.again, Qt.MouseButton.LeftButton)
    assert found(opened)[second.click.id].outline.area == second.outline.area

    outlines(opened).paint()
    assert opened.viewer.layers.selection.active is painter.layer
    assert int(painter.layer.data.sum()) == second.outline.area
    painter.layer.data[:] = 0
    painter.layer.data[5:15, 6:16] = 1
    opened.press("Return")
    assert painter.layer is None
    assert found(opened)[second.click.id].outline.area == 100
    assert opened.viewer.layers.selection.active is opened.clicks
    opened.press("Ctrl+Z")
    assert found(opened)[second.click.id].outline.area == second.outline.area


def test_what_is_painted_is_kept_when_another_click_or_image_comes(opened):
    opened.click(CENTERS[0])
    opened.click(CENTERS[4])
    found(opened)
    first, second = opened.session.project.clicks
    layers, painter = opened.panel.layers, outlines(opened).painter

    def mended():
        return [c.id for c in opened.session.project.clicks if c.mended is not None]

    outlines(opened).paint()
    painter.layer.paint((4, 4), 1)
    outlines(opened).paint()  # asked for once more, it goes on
    assert painter.layer.data[4, 4] == 1 and mended() == []
    opened.clicks.mode, opened.clicks.selected_data = "select", {0}
    outlines(opened).paint()
    assert mended() == [second.id]
    assert opened.session.history.undo_label == "paint outline"
    layers.show_image(layers.image.refs[0])
    assert painter.layer is None
    assert mended() == [second.id]  # nothing was painted of the first one
    opened.press("Ctrl+Z")
    assert mended() == []
    found(opened)
    outlines(opened)._last = first.id
    outlines(opened).paint()
    layer = painter.layer
    assert layer is not None
    layer.paint((4, 4), 1)
    layer.translate = (70, 70)
    opened.wait(lambda: layer.translate[0] < 70)
    opened.press("Escape")
    assert painter.layer is None and mended() == []
    outlines(opened).paint()
    layer = painter.layer
    assert layer is not None
    layer.paint((4, 4), 1)
    session = opened.session
    opened.panel.controller.show(None)
    assert [c.id for c in session.project.clicks if c.mended is not None] == [first.id]


def test_the_diameter_that_outlines_measure_is_offered_and_taken(opened):
    page = opened.panel.click_page
    project = opened.session.project
    wrong = project.classes[0].model_copy(update={"diameter": 40.0})
    opened.session.edit(project.with_classes(wrong), "wrong diameter")
    opened.click_all()
    found(opened)
    assert page.diameter.use_button.isVisible()
    QTest.mouseClick(page.diameter.use_button, Qt.MouseButton.LeftButton)
    assert opened.session.project.classes[0].diameter == pytest.approx(DIAMETER, abs=2)
    found(opened)
    assert not page.diameter.use_button.isVisible()
    opened.panel.controller.undo()
    assert opened.session.project.classes[0].diameter == 40


def test_a_line_across_an_object_is_the_diameter(opened):
    box = opened.panel.click_page.diameter
    QTest.mouseClick(box.draw_button, Qt.MouseButton.LeftButton)
    assert box.hint.isVisible()
    y, x = CENTERS[5]
    opened.drag((y, x - 15), (y, x + 15))
    opened.wait(lambda: opened.session.project.classes[0].diameter != DIAMETER)
    assert opened.session.project.classes[0].diameter == pytest.approx(30, abs=1)
    assert not box.draw_button.isChecked()
    assert opened.viewer.layers.selection.active is opened.clicks


def test_nothing_is_said_of_an_outline_on_another_image(opened):
    box = opened.panel.click_page.outlines
    opened.click(CENTERS[5])
    found(opened)
    assert box.mending.isEnabled()
    assert "px wide" in box.about.text()
    opened.panel.files.use_layer(opened.viewer.add_image(draw_discs()[::-1].copy(), name="other"))
    opened.settle()
    opened.wait(lambda: opened.panel.layers.outlines.feed.is_idle)
    assert len(opened.session.project.images) == 2
    assert not box.mending.isEnabled()
    assert box.about.text() == ""
