"""Telling which images show one specimen."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

pytestmark = pytest.mark.gui


def test_a_specimen_is_named_chosen_and_taken_back(opened):
    panel = opened.panel.click_page
    opened.panel.show_step(0)
    panel.images.about.open()
    box = panel.images.details.specimen
    assert not box.isVisible()  # one image alone needs none
    session = opened.session
    (first,) = session.project.images
    second = first.model_copy(update={"id": "two", "name": "two", "uri": "two.tif"})
    session.edit(session.project.with_images(second), "add image")
    assert box.isVisible()
    line = box.names.lineEdit()
    QTest.keyClicks(line, " mouse 1 ")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert session.project.image(first.id).group == "mouse 1"
    assert session.project.image("two").group == ""
    session.undo()
    assert session.project.image(first.id).group == ""
    assert line.text() == ""
    session.redo()
    assert line.text() == "mouse 1"
    assert [box.names.itemText(i) for i in range(box.names.count())] == ["mouse 1"]
    QTest.keyClicks(line, "2")
    panel.images.refresh()  # as after a click
    assert line.text() == "mouse 12"
    line.clear()
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert session.project.image(first.id).group == ""
