"""The one table widget shows what a presenter says, and fits the panel."""

from __future__ import annotations

import pytest

from napari_synthseg.ui.presenters.tables import Cell, Table, heading

pytestmark = pytest.mark.gui

NAMES = ("background", "secondary precipitates", "tertiary")


def make_table(columns):
    cells = [[Cell("0.500", "half", "#3fa45b", 0.5, is_bold=True)] * len(columns) for _ in NAMES]
    rows = [heading(name, color="#ff0000") for name in NAMES]
    return Table(rows, [heading(name) for name in columns], cells, "Words above.")


@pytest.fixture
def shown(qtbot):
    from napari_synthseg.ui.widgets.data_table import TableList

    tables = TableList()
    qtbot.addWidget(tables)
    tables.resize(316, 600)
    tables.show_tables([make_table(("IoU", "prec.", "recall", "edge", "area"))], "Scores", ["Few."])
    tables.show()
    return tables


def test_cells_and_headings_are_those_of_the_table(shown):
    (table,) = shown.tables
    assert table.verticalHeaderItem(1).text() == "secondary precipitates"
    item = table.item(2, 4)
    assert (item.text(), item.toolTip(), item.font().bold()) == ("0.500", "half", True)
    assert item.background().color().alphaF() == pytest.approx(0.5, abs=0.01)
    assert (shown.caption.text(), shown.warnings.text()) == ("Scores", "Few.")
    shown.show_tables([make_table(("IoU",))])
    assert shown.caption.isHidden()  # else it leaves a gap


def test_all_rows_and_columns_are_in_sight_where_names_are_read_beside_them(shown, qtbot):
    (table,) = shown.tables
    shown.resize(380, 600)
    qtbot.waitUntil(lambda: table.width() > 350)
    assert not table.horizontalScrollBar().isVisible()
    assert not table.verticalScrollBar().isVisible()
    shown.resize(500, 600)
    # names have the room that columns leave
    qtbot.waitUntil(lambda: table.verticalHeader().width() > 100)


def test_headings_of_rows_are_read_where_the_columns_scroll(shown, qtbot):
    table = make_table(("all", "RBC", "WBC", "Platelets"))
    name = "AP at IoU 0.5"
    shown.resize(250, 600)
    shown.show_tables([Table([heading(name)] * 3, table.columns, table.cells)])
    (wide,) = shown.tables
    qtbot.waitUntil(wide.horizontalScrollBar().isVisible)
    header = wide.verticalHeader()
    assert header.width() > header.fontMetrics().horizontalAdvance(name)


@pytest.mark.parametrize(
    "columns",
    [("IoU", "prec.", "recall", "edge", "area"), ("background", "secondary", "tertiary", "rim")],
)
def test_three_classes_are_in_sight_in_a_panel_as_narrow_as_it_opens(shown, qtbot, columns):
    cells = [[Cell("0.500")] * len(columns) for _ in NAMES]
    shown.show_tables([Table([heading(n) for n in NAMES], [heading(n) for n in columns], cells)])
    (table,) = shown.tables
    qtbot.waitUntil(lambda: table.viewport().width() > 100)
    assert not table.horizontalScrollBar().isVisible()
    for column in range(len(columns)):  # no figure is cut
        assert table.columnWidth(column) >= table.sizeHintForColumn(column)


def test_headings_of_rows_get_narrower_only_to_bring_all_columns_into_sight(shown):
    from napari_synthseg.ui.widgets.data_table import HEADING_PX, TIGHT_HEADING_PX

    (table,) = shown.tables
    scrolling, whole = [], []
    for width in range(200, 460, 7):
        shown.resize(width, 600)
        scrolls = table.horizontalScrollBar().maximum() > 0
        (scrolling if scrolls else whole).append(table.verticalHeader().maximumWidth())
    assert set(scrolling) == {HEADING_PX[0]}
    assert whole == sorted(whole)
    assert TIGHT_HEADING_PX <= whole[0] < HEADING_PX[0]
    assert whole[-1] == HEADING_PX[1]


def test_a_table_of_many_rows_stands_whole(shown, qtbot):
    table = make_table(("all", "object", "class 2"))
    many = Table(table.rows * 8, table.columns, table.cells * 8)
    shown.show_tables([many])
    (long,) = shown.tables
    qtbot.waitUntil(long.isVisible)
    assert not long.horizontalScrollBar().isVisible()
    assert not long.verticalScrollBar().isVisible()
    last = long.visualRect(long.model().index(len(many.rows) - 1, 0))
    assert long.viewport().rect().contains(last)


def test_other_tables_replace_the_ones_before_and_none_hides(shown):
    shown.show_tables([make_table(("a",)), make_table(("b", "c"))])
    assert [table.columnCount() for table in shown.tables] == [1, 2]
    assert not shown.warnings.isVisible()
    shown.show_tables(())
    assert not shown.isVisible()


def test_a_table_in_a_window_of_its_own_has_all_rows_and_its_last_column_the_rest(qtbot):
    from napari_synthseg.ui.widgets.data_table import MAX_ROWS_IN_SIGHT, DataTable

    number = MAX_ROWS_IN_SIGHT + 4
    cells = [[Cell("0.5"), Cell("median 0.08, real 0.083 (-3 %)")]] * number
    rows = [heading(f"quantity {n}") for n in range(number)]
    table = DataTable(
        Table(rows, [heading("distance"), heading("difference")], cells), is_wide=True
    )
    qtbot.addWidget(table)
    table.resize(900, 100)
    table.show()
    qtbot.waitUntil(lambda: table.viewport().height() >= number * table.rowHeight(0))
    assert table.columnWidth(1) > 4 * table.columnWidth(0)
