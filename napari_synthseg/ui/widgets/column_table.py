"""A table of any number of rows, of which only those in sight are asked for."""

from __future__ import annotations

from typing import Any, Protocol

from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_synthseg.ui.widgets.parts import selected_rows

ROW_PX, HEIGHT_PX = 22, 230

COLUMN_PX = 74
"""Least width of a column; wider where its heading needs it."""


class RowSource(Protocol):
    """What the table asks for."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def headings(self) -> list[tuple[str, str]]:
        """Return title and explanation of each column."""
        ...

    def cell(self, row: int, column: int) -> str:
        """Return what a cell says."""
        ...


class ColumnModel(QAbstractTableModel):
    """Rows and columns for Qt, asked for one cell at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.source: RowSource | None = None
        self.headings: list[tuple[str, str]] = []

    def show(self, source: RowSource | None) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.source = source
        self.headings = source.headings() if source is not None else []
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return len(self.source) if self.source is not None else 0

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return len(self.headings)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says, and how it is aligned."""
        if self.source is None or not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.source.cell(index.row(), index.column())
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return titles of columns, and numbers of rows."""
        if orientation == Qt.Orientation.Vertical:
            return section + 1 if role == Qt.ItemDataRole.DisplayRole else None
        if section >= len(self.headings):
            return None
        title, tip = self.headings[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{title}: {tip}" if tip else f"{title}: click to sort"
        return None


class ColumnTable(QTableView):
    """Shows rows; says which one the user chose, and by which column to sort."""

    row_chosen = Signal(int)
    """The row that the user went to, by mouse or keyboard."""
    sort_asked = Signal(int, bool)
    """Number of a column, and whether the largest come first."""
    copy_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows = ColumnModel()
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setAccessibleName("Objects")
        self.setToolTip("Select a row to see the object; click a heading to sort")
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(HEIGHT_PX)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PX)
        columns.setDefaultSectionSize(COLUMN_PX)
        columns.setSectionsClickable(True)
        columns.setSortIndicatorShown(True)
        columns.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        columns.sortIndicatorChanged.connect(self._on_sort)
        self._is_own_choice = False
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_rows(self, source: RowSource | None, *, sorted_anew: bool = False) -> None:
        """Show other rows; with `sorted_anew` no column is marked as the one they are sorted by."""
        if sorted_anew:
            header = self.horizontalHeader()
            header.blockSignals(True)
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            header.blockSignals(False)
        self._is_own_choice = True
        before = self.rows.headings
        self.rows.show(source)
        if self.rows.headings != before:  # else the user may have changed the widths
            self._fit_headings()
        self._is_own_choice = False

    def choose_row(self, row: int) -> None:
        """Select a row and bring it into sight, without telling anybody."""
        self._is_own_choice = True
        flags = QItemSelectionModel.SelectionFlag
        index = self.rows.index(row, 0)
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self._is_own_choice = False

    @property
    def selected_rows(self) -> list[int]:
        """The rows that are selected, from above."""
        return selected_rows(self)

    def keyPressEvent(self, event: Any) -> None:
        """Copy rows by the usual key."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
        else:
            super().keyPressEvent(event)

    def _fit_headings(self) -> None:
        header = self.horizontalHeader()
        for column in range(header.count()):
            header.resizeSection(column, max(COLUMN_PX, header.sectionSizeHint(column)))

    def _on_row(self, now: QModelIndex, before: QModelIndex) -> None:
        if now.isValid() and not self._is_own_choice:
            self.row_chosen.emit(now.row())

    def _on_sort(self, column: int, order: Qt.SortOrder) -> None:
        if column >= 0:
            self.sort_asked.emit(column, order == Qt.SortOrder.DescendingOrder)
