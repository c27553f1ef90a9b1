"""The table of classes: key, color, name, size, and how much of each is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_synthseg.ui.widgets.length_box import LengthBox
from napari_synthseg.ui.widgets.parts import cross, swatch

KEY, COLOR, NAME, DIAMETER, AMOUNT = range(5)
COLUMNS = ("Key", "", "Class", "Diameter")
WIDTHS = {KEY: 34, COLOR: 30, DIAMETER: 116, AMOUNT: 48}

KEYS = 9
"""Classes that a key chooses."""

HEADER_PX, ROW_PX = 30, 28

MAX_ROWS_IN_SIGHT = 7


class ClassRow(NamedTuple):
    """What a row of the table is for and shows; `unit` is that of the diameter.

    A row without a diameter is of negative clicks: it can be chosen, and nothing in it be changed.
    """

    value: int
    name: str
    color: str
    diameter: float | None = None
    unit: str = ""
    tip: str = ""


class ClassTable(QTableWidget):
    """Shows classes; says what the user wants changed, and changes nothing itself."""

    chosen = Signal(int)
    """The value of the class whose row was selected."""

    changed = Signal(int, str, object)
    """A class's value, what is to change ("name", "color" or "diameter"), and to what; a diameter
    is a number and its unit."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS) + 1)
        self._rows: Sequence[ClassRow] = ()
        self.setAccessibleName("Classes")
        self.setToolTip("Select the class of the next click; double-click a name to change it")
        self.setTabKeyNavigation(False)  # tab goes on to the next control
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        header.setFixedHeight(HEADER_PX - 2)
        self.itemSelectionChanged.connect(self._on_row_selected)
        self.itemChanged.connect(self._on_item_changed)
        self.cellClicked.connect(self._on_cell_clicked)

    def show_classes(self, rows: Sequence[ClassRow], *, sizes: bool, amounts: str) -> None:
        """Show classes in the order of their keys, without amounts yet; see `show_amounts`.

        Parameters
        ----------
        rows
            The classes.
        sizes
            Whether they have diameters.
        amounts
            What the last column holds.
        """
        with QSignalBlocker(self):
            self.setColumnHidden(DIAMETER, not sizes)
            self.setHorizontalHeaderLabels([*COLUMNS, amounts])
            if [row.value for row in rows] != [row.value for row in self._rows]:
                self._make_rows(rows)
            self._rows = rows
            for number, row in enumerate(rows):
                draw = cross if row.diameter is None else swatch
                self.item(number, COLOR).setIcon(draw(row.color, edge_px=16))
                self.item(number, NAME).setText(row.name)
                if row.diameter is None:
                    continue
                self.cellWidget(number, DIAMETER).show_length(row.diameter, row.unit)
        self.setFixedHeight(HEADER_PX + ROW_PX * max(1, min(len(rows), MAX_ROWS_IN_SIGHT)))

    def show_amounts(self, amounts: Mapping[int, str]) -> None:
        """Show how much of each class is marked, by its value."""
        with QSignalBlocker(self):
            for number, row in enumerate(self._rows):
                self.item(number, AMOUNT).setText(amounts.get(row.value, ""))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters and digits to the image: they are keys of its layers."""
        held = event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if event.text().isprintable() and event.text() and not held:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def select(self, value: int) -> None:
        """Select the row of a class, if it is shown."""
        values = [row.value for row in self._rows]
        if value in values:
            with QSignalBlocker(self):
                self.selectRow(values.index(value))

    def _make_rows(self, rows: Sequence[ClassRow]) -> None:
        self.clearSpans()
        self.setRowCount(0)
        self.setRowCount(len(rows))
        tips = {COLOR: "Click to change the color", NAME: "Double-click to rename"}
        before: QWidget = self
        for number, row in enumerate(rows):
            is_class = row.diameter is not None
            self.setRowHeight(number, ROW_PX)
            for column in range(self.columnCount()):
                item = QTableWidgetItem()
                item.setToolTip(row.tip or tips.get(column, ""))
                if column != NAME or not is_class:
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                if column != NAME:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(number, column, item)
            if not is_class:
                self.item(number, KEY).setText("0")
                self.setSpan(number, NAME, 1, DIAMETER - NAME + 1)  # a name of several words
                continue
            if number < KEYS:
                self.item(number, KEY).setText(str(number + 1))
            box = self._make_diameter_box(row.value)
            self.setCellWidget(number, DIAMETER, box)
            QWidget.setTabOrder(before, box)
            before = box

    def _make_diameter_box(self, value: int) -> LengthBox:
        box = LengthBox()
        box.setToolTip(
            "Usual diameter of an object of this class. Type a unit behind the number to change "
            "it, as in 3.2 um; the image must have a pixel size then"
        )
        box.setAccessibleName("Diameter")
        box.length_changed.connect(
            lambda size, unit: self.changed.emit(value, "diameter", (size, unit))
        )
        return box

    def _on_cell_clicked(self, number: int, column: int) -> None:
        row = self._rows[number]
        if column == COLOR and row.diameter is not None:
            color = QColorDialog.getColor(QColor(row.color), self, f"Color of {row.name}")
            if color.isValid():
                self.changed.emit(row.value, "color", color.name())

    def _on_row_selected(self) -> None:
        if 0 <= self.currentRow() < len(self._rows):
            self.chosen.emit(self._rows[self.currentRow()].value)

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == NAME:
            self.changed.emit(self._rows[item.row()].value, "name", item.text().strip())
