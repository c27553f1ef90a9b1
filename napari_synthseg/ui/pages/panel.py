"""What every step's panel offers to the widget round it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHeaderView, QLabel, QTableWidget, QVBoxLayout, QWidget

from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.viewer.layers import Layers


@dataclass(frozen=True)
class NextStep:
    """The one highlighted button: what it says, what it does, and why it is disabled."""

    text: str
    action: Callable[[], object] | None = None
    why_disabled: str = ""


class Panel(QWidget):
    """One page of the widget. Reads the session, calls it, and keeps no project state."""

    next_step_changed = Signal()
    """The highlighted button, or the hint, must be read again."""

    go_to = Signal(int)
    """Asks for another step, 0 to 4."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller = controller
        self.layers = layers
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 6, 0)
        self.body.setSpacing(6)

    def hint(self) -> str:
        """Return one sentence that says what to do now."""
        return ""

    def next_step(self) -> NextStep | None:
        """Return what the highlighted button does now, or None to hide it."""
        return None

    def enter(self) -> None:
        """Get ready to be seen; called whenever the user comes to this step."""


def quiet_label(text: str = "") -> QLabel:
    """Return a label for explanations, wrapped and quieter than the rest."""
    label = QLabel(text)
    label.setObjectName("quiet")
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def notice_label(text: str = "") -> QLabel:
    """Return a label for what the user must know."""
    label = QLabel(text)
    label.setObjectName("notice")
    label.setWordWrap(True)
    return label


def fit_narrow(box: QComboBox) -> None:
    """Let a list shrink to the panel's width, whatever the length of its entries."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)


LEAST_COLUMN = 50
"""Pixels that a column of figures needs."""


NARROWEST = 310
"""Width of the tables in the narrowest panel, pixels: wider ones may have to scroll."""


def fit_table(
    table: QTableWidget, heading: int, most_rows: int = 12, least: int = LEAST_COLUMN
) -> None:
    """Give a table of figures the height of its rows, and headings that are cut at their ends.

    `heading` is the width of the row headings at most, `least` that of columns at least; where they
    do not fit beside one another, the table scrolls.
    """
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    rows, columns = table.verticalHeader(), table.horizontalHeader()
    for header in (rows, columns):
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
    rows.setDefaultAlignment(left)
    rows.setMaximumWidth(heading)
    columns.setMinimumSectionSize(least)
    columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.setWordWrap(False)
    table.resizeRowsToContents()
    heights = [table.rowHeight(r) for r in range(min(table.rowCount(), most_rows))]
    height = columns.sizeHint().height() + sum(heights) + 6
    if heading + least * table.columnCount() > NARROWEST:
        height += table.horizontalScrollBar().sizeHint().height()
    table.setFixedHeight(height)
