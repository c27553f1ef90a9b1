"""The list of images: long names, and what is said of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_synthseg.ui.widgets.image_list import LINE_SEPARATOR, ImageList

pytestmark = pytest.mark.gui

NAME = "2026-11-30_mouse-liver_slide-07_field-003_DAPI_40x_replicate-B.tif"
DETAIL = "12 nucleus · has truth · for scoring only"


def lines_of(images: ImageList, row: int) -> list[str]:
    """Return the lines that are painted in a row."""
    index = images.model().index(row, 0)
    option = QStyleOptionViewItem()
    option.initFrom(images)
    option.widget, option.rect = images, images.visualRect(index)
    images.itemDelegate().initStyleOption(option, index)
    return option.text.split(LINE_SEPARATOR)


def test_long_names_lose_their_middle_and_nothing_of_the_line_below(qtbot):
    images = ImageList("Images")
    qtbot.addWidget(images)
    rows = [
        SimpleNamespace(key=n, name=name, detail=DETAIL, tip=DETAIL, is_done=False)
        for n, name in enumerate((NAME, "b.tif"))
    ]
    images.show_images(rows, 0)
    images.resize(330, images.height())
    images.show()
    name, detail = lines_of(images, 0)
    assert detail == DETAIL
    assert "…" in name
    assert NAME.startswith(name.split("…")[0]) and NAME.endswith(name.split("…")[1])
    assert len(name) < len(NAME)
    assert lines_of(images, 1) == ["b.tif", DETAIL]


def test_the_picture_of_the_chosen_image_keeps_its_colors(qtbot):
    images = ImageList("Images")
    qtbot.addWidget(images)
    images.show_images([SimpleNamespace(key=0, name="a", detail="", tip="", is_done=False)], 0)
    images.images.add_pictures({0: np.full((40, 40, 3), (200, 100, 50), np.uint8)})
    icon = images.images.index(0).data(Qt.ItemDataRole.DecorationRole)
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        color = icon.pixmap(40, 40, mode).toImage().pixelColor(20, 20)
        assert color.getRgb()[:3] == (200, 100, 50)
