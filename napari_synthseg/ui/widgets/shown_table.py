"""What a classifier says of each image: how likely it shows each class."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem

from napari_synthseg.core.predictions import ImageTagsPrediction, Prediction
from napari_synthseg.core.project import Project

HEADING_WIDTH = 112
"""Pixels that the names of images may take."""

MOST_ROWS = 8
"""Rows that are in sight at once; the table scrolls for more."""


class ShownTable(QTableWidget):
    """One row an image, one column a class; bold where the class is reported."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.verticalHeader().setMaximumWidth(HEADING_WIDTH)
        self.hide()

    def show_predictions(self, found: Sequence[Prediction], project: Project) -> None:
        """Show what was said of images; hides where nothing was."""
        said = [p for p in found if isinstance(p, ImageTagsPrediction)]
        self.setVisible(bool(said))
        if not said:
            return
        values = sorted(said[0].probabilities)
        names = {c.value: c.name for c in project.classes}
        images = {i.id: i.name for i in project.images}
        self.setRowCount(len(said))
        self.setColumnCount(len(values))
        self.setHorizontalHeaderLabels([names.get(v, f"class {v}") for v in values])
        for row, prediction in enumerate(said):
            heading = QTableWidgetItem(images.get(prediction.image, prediction.image))
            heading.setToolTip(heading.text())
            self.setVerticalHeaderItem(row, heading)
        for row, prediction in enumerate(said):
            for column, value in enumerate(values):
                self.setItem(row, column, _item(prediction, value))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.resizeRowsToContents()
        rows = [self.rowHeight(r) for r in range(min(len(said), MOST_ROWS))]
        self.setFixedHeight(header.sizeHint().height() + sum(rows) + 6)


def _item(prediction: ImageTagsPrediction, value: int) -> QTableWidgetItem:
    probability, least = prediction.probabilities[value], prediction.thresholds.get(value, 0.5)
    item = QTableWidgetItem(f"{probability:.0%}")
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    font = item.font()
    font.setBold(probability >= least)
    item.setFont(font)
    item.setToolTip(f"reported from {least:.0%} on")
    return item
