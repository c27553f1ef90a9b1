"""Tables as values: what each heading and each cell shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What one cell or heading shows.

    Attributes
    ----------
    text, tip
        What it says, and what it says under the mouse.
    color, strength
        "#rrggbb", and how opaque it is (0 to 1) behind a cell; of a heading it is a small square.
    is_bold
        Whether it stands out.
    """

    text: str
    tip: str = ""
    color: str = ""
    strength: float = 1.0
    is_bold: bool = False


@dataclass(frozen=True)
class Table:
    """Headings, cells by row, and a sentence above."""

    rows: Sequence[Cell]
    columns: Sequence[Cell]
    cells: Sequence[Sequence[Cell]]
    caption: str = ""

    def transposed(self) -> Table:
        """Return the table with rows as columns."""
        return Table(self.columns, self.rows, list(zip(*self.cells, strict=True)), self.caption)


def heading(text: str, meaning: str = "", color: str = "") -> Cell:
    """Return a heading that, under the mouse, says all of its text and what it means."""
    return Cell(text, f"{text}: {meaning}" if meaning else text, color)
