"""A table that is only looked at, and scores as such tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_synthseg.ui.presenters.tables import Cell, Table
from napari_synthseg.ui.widgets.parts import Notice, column_in, quiet_label, swatch

HEADING_PX = (130, 176)
"""Width that long headings of rows take, least and most: what the columns leave. Where that is less
than the least, columns scroll, so that headings are read. In a wide window a third is the most."""

COLUMN_PX = (44, 72)
"""Width that a column needs, by its heading, least and most; longer headings are cut."""

TIGHT_HEADING_PX = 80
"""Width that long headings of rows take, least, where all columns are in sight by it; columns give
way first, as far as their cells can be read."""

GRID_PX = 4
"""Width that the lines between columns and headings take."""

MAX_ROWS_IN_SIGHT = 12


class DataTable(QTableWidget):
    """Shows a table, as high as its rows; hides while there is none.

    With `is_wide`, for a window of its own, columns are as wide as their texts, and the last one
    takes the rest. `most_rows` are in sight, by default all in a window of its own.
    """

    def __init__(
        self, table: Table | None = None, *, is_wide: bool = False, most_rows: int | None = None
    ) -> None:
        super().__init__()
        self._is_wide = is_wide
        self._column_px = COLUMN_PX[0]
        self._most_rows = most_rows or (sys.maxsize if is_wide else MAX_ROWS_IN_SIGHT)
        self.setAccessibleName("Table")
        self.setTabKeyNavigation(False)  # tab goes on to the next control
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        # by the end of its name, such as "IoU 0.5", a row is told from the next one
        self.verticalHeader().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.verticalHeader().setDefaultAlignment(left)
        self.show_table(table)

    def show_table(self, table: Table | None) -> None:
        """Show another table, or none."""
        self.setVisible(table is not None)
        if table is None:
            return
        self.setAccessibleName(table.caption or "Table")
        self.setRowCount(len(table.rows))
        self.setColumnCount(len(table.columns))
        for row, cell in enumerate(table.rows):
            self.setVerticalHeaderItem(row, _heading_item(cell))
        for column, cell in enumerate(table.columns):
            self.setHorizontalHeaderItem(column, _heading_item(cell))
        for row, cells in enumerate(table.cells):
            for column, cell in enumerate(cells):
                self.setItem(row, column, _item(cell))
        columns = self.horizontalHeader()
        columns.setMinimumSectionSize(1)
        needed = [columns.sectionSizeHint(c) for c in range(self.columnCount())]
        self._column_px = _clamp(max(needed, default=0), COLUMN_PX)
        columns.setMinimumSectionSize(self._column_px)
        modes = QHeaderView.ResizeMode
        columns.setSectionResizeMode(modes.ResizeToContents if self._is_wide else modes.Stretch)
        columns.setStretchLastSection(self._is_wide)
        self.resizeRowsToContents()
        self._fit_to_width()

    def resizeEvent(self, event: object) -> None:
        """Give headings the room that columns leave, and keep the height that the rows need."""
        super().resizeEvent(event)
        self._fit_to_width()

    def _fit_to_width(self) -> None:
        columns, rows = self.horizontalHeader(), self.verticalHeader()
        room = self.width() - 2 * self.frameWidth() - GRID_PX
        if self.rowCount() > self._most_rows:
            room -= self.verticalScrollBar().sizeHint().width()
        if not self._is_wide:
            columns.setMinimumSectionSize(self._fitting_column(room))
        least = columns.minimumSectionSize() * self.columnCount()
        names = TIGHT_HEADING_PX if TIGHT_HEADING_PX + least <= room else HEADING_PX[0]
        heading = _clamp(room - least, (names, max(HEADING_PX[1], room // 3)))
        rows.setMaximumWidth(heading)
        in_sight = min(self.rowCount(), self._most_rows)
        heights = [self.rowHeight(r) for r in range(in_sight)]
        height = columns.sizeHint().height() + sum(heights) + 6
        if min(rows.sizeHint().width(), heading) + least > room:
            height += self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(height)

    def _fitting_column(self, room: int) -> int:
        """Return the least width of a column: what it needs, or less where all fit then."""
        count = max(self.columnCount(), 1)
        names = self.verticalHeader().sizeHint().width()
        cell = max(self.sizeHintForColumn(column) for column in range(count))
        beside = (room - min(names, HEADING_PX[0])) // count
        if beside >= cell:
            return min(beside, self._column_px)
        fits = min(names, TIGHT_HEADING_PX) + count * cell <= room
        return min(cell, self._column_px) if fits else self._column_px


class TableList(QWidget):
    """Tables below a caption, each with the sentence above it, and warnings below them."""

    def __init__(self) -> None:
        super().__init__()
        self.caption, self.warnings = quiet_label(), Notice()
        self.tables: list[DataTable] = []
        self._page = QWidget()
        self._body = column_in(self, self.caption, self._page, self.warnings)
        self.hide()

    def show_tables(
        self, tables: Sequence[Table], caption: str = "", warnings: Sequence[str] = ()
    ) -> None:
        """Show tables; hides where there are none."""
        self.setVisible(bool(tables))
        self.caption.setText(caption)
        self.caption.setVisible(bool(caption))
        self.warnings.say("\n".join(warnings))
        page = QWidget()
        column = column_in(page)
        # whole: what they are in scrolls, and a table that scrolls inside would stop that
        self.tables = [DataTable(table, most_rows=sys.maxsize) for table in tables]
        for table, shown in zip(tables, self.tables, strict=True):
            if table.caption:
                column.addWidget(quiet_label(table.caption))
            column.addWidget(shown)
            shown.show()
        self._body.replaceWidget(self._page, page)
        self._page.deleteLater()
        self._page = page


def _heading_item(cell: Cell) -> QTableWidgetItem:
    item = QTableWidgetItem(cell.text)
    item.setToolTip(cell.tip)
    if cell.color:
        item.setIcon(swatch(cell.color, edge_px=10))
    return item


def _item(cell: Cell) -> QTableWidgetItem:
    item = QTableWidgetItem(cell.text)
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    item.setToolTip(cell.tip)
    font = item.font()
    font.setBold(cell.is_bold)
    item.setFont(font)
    if cell.color:
        color = QColor(cell.color)
        color.setAlphaF(cell.strength)
        item.setBackground(color)
    return item


def _clamp(value: int, limits: tuple[int, int]) -> int:
    return max(limits[0], min(value, limits[1]))
