"""Bars of how often values occur, painted in the panel's own colors."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget

HEIGHT_PX = 96
AXIS_PX = 16


class Histogram(QWidget):
    """Shows counts by bins, with the smallest and the largest value below."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT_PX)
        self._counts: Sequence[int] = ()
        self._edges: Sequence[float] = ()
        self._title = ""

    @property
    def counts(self) -> Sequence[int]:
        """What the bars show."""
        return self._counts

    def show_counts(self, counts: Sequence[int], edges: Sequence[float], title: str) -> None:
        """Show other bars, one more edge than counts."""
        self._counts, self._edges, self._title = counts, edges, title
        largest = max(counts, default=0)
        self.setToolTip(f"How often each value of {title} occurs; the highest bar is {largest:,}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the bars and their axis."""
        painter = QPainter(self)
        palette = self.palette()
        room = QRectF(0, 0, self.width(), self.height() - AXIS_PX)
        largest = max(self._counts, default=0)
        if largest:
            step = room.width() / len(self._counts)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.highlight())
            for number, count in enumerate(self._counts):
                height = (room.height() - 2) * count / largest
                painter.drawRect(
                    QRectF(number * step, room.height() - height, max(step - 1, 1), height)
                )
        painter.setPen(palette.windowText().color())
        painter.drawLine(0, int(room.height()), self.width(), int(room.height()))
        if largest:
            below = QRectF(0, room.height(), self.width(), AXIS_PX)
            low, high = f"{self._edges[0]:.3g}", f"{self._edges[-1]:.3g}"
            sides = Qt.AlignmentFlag
            painter.drawText(below, sides.AlignLeft | sides.AlignVCenter, low)
            painter.drawText(below, sides.AlignRight | sides.AlignVCenter, high)
            painter.drawText(below, sides.AlignCenter, self._title)
        painter.end()
