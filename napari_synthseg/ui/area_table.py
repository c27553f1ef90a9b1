"""How much of each image a model gave to each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QTableWidget, QTableWidgetItem

from napari_synthseg.core.project import Project
from napari_synthseg.core.training import Prediction
from napari_synthseg.ui.panel import fit_table

HEADING_WIDTH = 96
"""Pixels that the names of images may take."""

MOST_ROWS = 8
"""Rows that are in sight at once; the table scrolls for more."""


LEAST = 72
"""Pixels that the name of a class needs."""


class AreaTable(QTableWidget):
    """One row an image, one column a class, background last: shares of the area."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.hide()

    def show_predictions(self, found: Sequence[Prediction], project: Project) -> None:
        """Show the areas of predicted regions; hides where there are none."""
        self.setVisible(bool(found))
        if not found:
            return
        images = {i.id: i.name for i in project.images}
        columns = [*((c.value, c.name) for c in project.classes), (0, "background")]
        self.setRowCount(len(found))
        self.setColumnCount(len(columns))
        for column, (value, name) in enumerate(columns):
            heading = QTableWidgetItem(name)
            heading.setToolTip(name)
            if value:
                heading.setIcon(_swatch(project.object_class(value).color))
            self.setHorizontalHeaderItem(column, heading)
        for row, prediction in enumerate(found):
            name = QTableWidgetItem(images.get(prediction.image, prediction.image))
            name.setToolTip(name.text())
            self.setVerticalHeaderItem(row, name)
            for column, (value, _) in enumerate(columns):
                pixels = int(np.count_nonzero(prediction.ids == value))
                item = QTableWidgetItem(f"{pixels / prediction.ids.size:.1%}")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setToolTip(f"{pixels:,} pixels")
                self.setItem(row, column, item)
        fit_table(self, HEADING_WIDTH, MOST_ROWS, LEAST)


def _swatch(color: str) -> QIcon:
    picture = QPixmap(10, 10)
    picture.fill(QColor(color))
    return QIcon(picture)
