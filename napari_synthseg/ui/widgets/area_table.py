"""How much of each image a model gave to each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTableWidget, QTableWidgetItem

from napari_synthseg.core.predictions import RegionPrediction
from napari_synthseg.core.project import Project
from napari_synthseg.ui.widgets.parts import fit_table, swatch

HEADING_WIDTH = 112
"""Pixels that the names of classes or images beside the rows may take."""

MOST_ROWS = 8
"""Rows that are in sight at once; the table scrolls for more."""

FEW = 2
"""So many images stand beside one another, so that the names of the classes have room."""

LEAST = 72
"""Pixels that a column needs."""


class AreaTable(QTableWidget):
    """Shares of the area: one row a class for few images, else one row an image."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.hide()

    def show_predictions(self, found: Sequence[RegionPrediction], project: Project) -> None:
        """Show the areas of predicted regions, background last; hides where there are none."""
        self.setVisible(bool(found))
        if not found:
            return
        names = {i.id: i.name for i in project.images}
        classes = [*((c.value, c.name, c.color) for c in project.classes), (0, "background", "")]
        images = [_heading(names.get(p.image, p.image)) for p in found]
        kinds = [_heading(name, color) for _, name, color in classes]
        shares = [[_share(p, value) for value, _, _ in classes] for p in found]
        if len(found) <= FEW:
            shares = [list(column) for column in zip(*shares, strict=True)]
            images, kinds = kinds, images
        self.setRowCount(len(images))
        self.setColumnCount(len(kinds))
        for row, (heading, items) in enumerate(zip(images, shares, strict=True)):
            self.setVerticalHeaderItem(row, heading)
            for column, item in enumerate(items):
                self.setItem(row, column, item)
        for column, heading in enumerate(kinds):
            self.setHorizontalHeaderItem(column, heading)
        fit_table(self, HEADING_WIDTH, MOST_ROWS, LEAST)


def _heading(name: str, color: str = "") -> QTableWidgetItem:
    heading = QTableWidgetItem(name)
    heading.setToolTip(name)
    if color:
        heading.setIcon(swatch(color, 10))
    return heading


def _share(prediction: RegionPrediction, value: int) -> QTableWidgetItem:
    pixels = int(np.count_nonzero(prediction.values == value))
    item = QTableWidgetItem(f"{pixels / prediction.values.size:.1%}")
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    item.setToolTip(f"{pixels:,} pixels")
    return item
