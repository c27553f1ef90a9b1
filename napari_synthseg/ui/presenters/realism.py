"""The realism report as a table."""

from __future__ import annotations

from napari_synthseg.realism.report import HEADER, RealismReport, rows_of
from napari_synthseg.ui.presenters.tables import Cell, Table, heading

VERDICT_COLORS = {
    "alike": "#3fa45b",
    "not certain": "#8a939c",
    "a little different": "#d09a20",
    "clearly different": "#e0604c",
}


def realism_table(report: RealismReport) -> Table:
    """Return one row for each quantity that was compared; what it means is in its tool tips."""
    rows = rows_of(report)
    cells = []
    for row in rows:
        texts = (*row.cells[1:], row.finding)
        tips = (f"{text}: {row.meaning}" if text else row.meaning for text in texts)
        colors = (VERDICT_COLORS.get(text, "") for text in texts)
        cells.append(
            [Cell(*shown, strength=0.5) for shown in zip(texts, tips, colors, strict=True)]
        )
    columns = [heading(text) for text in (*HEADER[1:], "difference")]
    return Table([heading(row.cells[0].strip(), row.meaning) for row in rows], columns, cells)
