"""Which class pixels were given to, class by class: where a model goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_synthseg.ui.widgets.parts import fit_table, quiet_label

HEADING_WIDTH = 96
"""Pixels that the names of the true classes may take."""

LEAST = 72
"""Pixels that the name of a class needs."""

RIGHT, WRONG = QColor(63, 164, 91), QColor(224, 96, 76)


class ConfusionTable(QWidget):
    """One row a true class, one column a predicted one: shares of the true class's pixels."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            quiet_label("Where the pixels of each true class (rows) went. Green is right.")
        )
        self.table = QTableWidget()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        layout.addWidget(self.table)
        self.hide()

    def show_confusion(self, confusion: Mapping[str, Mapping[str, int]]) -> None:
        """Show pixels by true and predicted class; hides where there are none."""
        self.setVisible(bool(confusion))
        if not confusion:
            return
        names = list(next(iter(confusion.values())))
        self.table.setRowCount(len(confusion))
        self.table.setColumnCount(len(names))
        for column, name in enumerate(names):
            heading = QTableWidgetItem(name)
            heading.setToolTip(f"given to {name}")
            self.table.setHorizontalHeaderItem(column, heading)
        for row, (true, counts) in enumerate(confusion.items()):
            heading = QTableWidgetItem(true)
            heading.setToolTip(f"truly {true}")
            self.table.setVerticalHeaderItem(row, heading)
            for column, name in enumerate(names):
                self.table.setItem(row, column, _item(true, name, counts))
        fit_table(self.table, HEADING_WIDTH, least=LEAST)


def _item(true: str, given: str, counts: Mapping[str, int]) -> QTableWidgetItem:
    """Return a cell, the stronger colored the larger its share."""
    total, pixels = sum(counts.values()), counts.get(given, 0)
    share = pixels / total if total else 0.0
    item = QTableWidgetItem(f"{share:.1%}" if total else "-")
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    item.setToolTip(f"{pixels:,} of {total:,} pixels that are truly {true} were given to {given}")
    color = QColor(RIGHT if true == given else WRONG)
    color.setAlphaF(0.08 + 0.6 * share if pixels else 0.0)
    item.setBackground(color)
    return item
