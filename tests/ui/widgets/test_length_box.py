"""A length is typed with or without its unit."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.ui.widgets.length_box import LengthBox

pytestmark = pytest.mark.gui


@pytest.fixture
def box(qtbot):
    box = LengthBox()
    qtbot.addWidget(box)
    box.show_length(24.0, "px")
    box.show()
    return box


def type_into(box: LengthBox, text: str) -> None:
    box.lineEdit().selectAll()
    QTest.keyClicks(box.lineEdit(), text)
    QTest.keyClick(box.lineEdit(), Qt.Key.Key_Return)


def test_numbers_and_units_are_typed(box):
    got = []
    box.length_changed.connect(lambda *length: got.append(length))
    type_into(box, "31")
    type_into(box, "3.25 um")
    box.show_length(3.25, "um")
    assert box.text() == "3.25 um"
    type_into(box, "4,5")
    type_into(box, "3 furlong")  # no such unit: it stays as it was
    type_into(box, "4.5 px")
    assert got == [(31.0, "px"), (3.25, "um"), (4.5, "um"), (4.5, "px")]
