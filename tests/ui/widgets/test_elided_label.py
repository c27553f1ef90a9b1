"""A line of text that is too long says so."""

import pytest

from napari_synthseg.ui.widgets.parts import ElidedLabel

pytestmark = pytest.mark.gui


def test_the_end_is_left_out_where_there_is_no_room(qtbot):
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.resize(60, 20)
    label.show()
    label.say("estimating the background of image.tif")
    assert label.text().startswith("est") and label.text().endswith("…")
    label.resize(600, 20)
    qtbot.waitUntil(lambda: label.text() == label.toolTip())
    assert label.text() == "estimating the background of image.tif"
