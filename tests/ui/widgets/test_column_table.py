"""The table of many objects."""

from __future__ import annotations

import time

import pytest

from napari_synthseg.ui.widgets.column_table import COLUMN_PX, ColumnTable

pytestmark = pytest.mark.gui

COUNT = 50_000


class Cells:
    """Numbered rows."""

    def __len__(self) -> int:
        return COUNT

    def headings(self) -> list[tuple[str, str]]:
        return [("one", ""), ("a heading of several words", "")]

    def cell(self, row: int, column: int) -> str:
        return f"{row}, {column}"


def test_all_rows_that_are_selected_are_told_at_once(qtbot):
    table = ColumnTable()
    qtbot.addWidget(table)
    table.show_rows(Cells())
    table.choose_row(7)
    assert table.selected_rows == [7]
    table.selectAll()
    before = time.perf_counter()
    rows = table.selected_rows
    assert time.perf_counter() - before < 0.2  # two seconds were usual, index by index
    assert rows == list(range(COUNT))


def test_columns_are_as_wide_as_their_headings_until_the_user_changes_that(qtbot):
    table = ColumnTable()
    qtbot.addWidget(table)
    table.show_rows(Cells())
    header = table.horizontalHeader()
    assert header.sectionSize(0) == COLUMN_PX
    assert header.sectionSize(1) >= header.fontMetrics().horizontalAdvance(Cells().headings()[1][0])
    header.resizeSection(1, 90)
    table.show_rows(Cells())
    assert header.sectionSize(1) == 90
