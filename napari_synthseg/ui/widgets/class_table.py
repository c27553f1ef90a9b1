"""The table of classes: key, color, name, size, and how much of each is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QDoubleSpinBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_synthseg.core.annotations import ObjectClass

KEY, COLOR, NAME, DIAMETER, AMOUNT = range(5)
COLUMNS = ("Key", "", "Class", "Diameter")
WIDTHS = {KEY: 34, COLOR: 30, DIAMETER: 96, AMOUNT: 48}

KEYS = 9
"""Classes that a key chooses."""

HEADER, ROW = 34, 32
"""Heights, pixels."""

MOST_ROWS = 7
"""Rows in sight; of more, the table is scrolled."""

SWATCH = (
    "background: {color}; border-radius: 4px; padding: 0px; margin: 6px; "
    "min-width: 16px; max-width: 16px; min-height: 16px; max-height: 16px;"
)

OF = "value of"
"""Name of the property that holds the class value a cell's widget is for."""

W = TypeVar("W", bound=QWidget)


class ClassTable(QTableWidget):
    """Shows classes; says what the user wants changed, and changes nothing itself."""

    chosen = Signal(int)
    """The value of the class whose row was selected."""

    renamed = Signal(int, str)
    """A class's value, and the name that was typed; it may be empty."""

    diameter_changed = Signal(int, float)
    """A class's value, and its new diameter."""

    color_changed = Signal(int, str)
    """A class's value, and its new color."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS) + 1)
        self._classes: tuple[ObjectClass, ...] = ()
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        self.itemSelectionChanged.connect(self._on_row_selected)
        self.itemChanged.connect(self._on_item_changed)

    def show_classes(self, classes: Sequence[ObjectClass], *, sizes: bool, amounts: str) -> None:
        """Show classes, one a row, without amounts yet; see `show_amounts`.

        Parameters
        ----------
        classes
            In the order of their keys.
        sizes
            Whether they have diameters.
        amounts
            What the last column holds.
        """
        with QSignalBlocker(self):
            self._classes = tuple(classes)
            self.setColumnHidden(DIAMETER, not sizes)
            self.setHorizontalHeaderLabels([*COLUMNS, amounts])
            self.setRowCount(len(classes))
            for row, cls in enumerate(classes):
                self._show_class(row, cls)
        self.setFixedHeight(HEADER + ROW * max(1, min(len(classes), MOST_ROWS)))

    def show_amounts(self, amounts: Mapping[int, str]) -> None:
        """Show how much of each class is marked, by its value."""
        with QSignalBlocker(self):
            for row, cls in enumerate(self._classes):
                self.item(row, AMOUNT).setText(amounts.get(cls.value, ""))

    def select(self, value: int) -> None:
        """Select the row of a class, if it is shown."""
        values = [cls.value for cls in self._classes]
        if value in values:
            with QSignalBlocker(self):
                self.selectRow(values.index(value))

    def _show_class(self, row: int, cls: ObjectClass) -> None:
        self.setRowHeight(row, ROW)
        key = QTableWidgetItem(str(row + 1) if row < KEYS else "")
        name = QTableWidgetItem(cls.name)
        number = QTableWidgetItem()
        for item in (key, number):
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        name.setToolTip("Double-click to rename")
        for column, item in ((KEY, key), (NAME, name), (AMOUNT, number)):
            self.setItem(row, column, item)
        swatch = self._widget(row, COLOR, cls.value, QPushButton)
        swatch = swatch or self._add_swatch(row, cls.value)
        swatch.setStyleSheet(SWATCH.format(color=cls.color))
        box = self._widget(row, DIAMETER, cls.value, QDoubleSpinBox)
        box = box or self._add_diameter(row, cls.value)
        with QSignalBlocker(box):
            box.setSuffix(f" {cls.unit}")
            box.setValue(cls.diameter)

    def _widget(self, row: int, column: int, value: int, kind: type[W]) -> W | None:
        """Return what is in a cell, if it is for this class: what is being typed there stays."""
        widget = self.cellWidget(row, column)
        return widget if isinstance(widget, kind) and widget.property(OF) == value else None

    def _add_swatch(self, row: int, value: int) -> QPushButton:
        swatch = QPushButton()
        swatch.setProperty(OF, value)
        swatch.setToolTip("Change the color")
        swatch.clicked.connect(lambda: self._ask_color(value))
        self.setCellWidget(row, COLOR, swatch)
        return swatch

    def _add_diameter(self, row: int, value: int) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setProperty(OF, value)
        box.setRange(0.1, 10_000)
        box.setDecimals(1)
        box.setKeyboardTracking(False)
        box.setToolTip("Typical diameter of one object of this class")
        box.valueChanged.connect(lambda diameter: self.diameter_changed.emit(value, diameter))
        self.setCellWidget(row, DIAMETER, box)
        return box

    def _ask_color(self, value: int) -> None:
        cls = next(cls for cls in self._classes if cls.value == value)
        color = QColorDialog.getColor(QColor(cls.color), self, f"Color of {cls.name}")
        if color.isValid():
            self.color_changed.emit(value, color.name())

    def _on_row_selected(self) -> None:
        if 0 <= self.currentRow() < len(self._classes):
            self.chosen.emit(self._classes[self.currentRow()].value)

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == NAME:
            self.renamed.emit(self._classes[item.row()].value, item.text().strip())
