"""The five steps at the top of the panel: where the user is, what is done, what comes next."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from qtpy.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from napari_synthseg.ui.widgets.style import Colors

CIRCLE = 26


class StepButton(QAbstractButton):
    """One step: a numbered circle with its name below."""

    def __init__(self, number: int, name: str, colors: Colors) -> None:
        super().__init__()
        self.number = number
        self.colors = colors
        self.locked = True
        self.done = False
        self.setText(name)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(f"Step {number}: {name}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the size that circle and name need."""
        bold = QFont(self.font())
        bold.setBold(True)
        width = QFontMetrics(bold).horizontalAdvance(self.text()) + 6
        return QSize(max(48, width), CIRCLE + 26)

    def minimumSizeHint(self) -> QSize:
        """Return `sizeHint`: a name is never cut off."""
        return self.sizeHint()

    def paintEvent(self, event: object) -> None:
        """Paint the circle, filled for the current step, green for a done one."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        circle = QRectF((self.width() - CIRCLE) / 2, 2, CIRCLE, CIRCLE)
        text = QColor(self.colors.text)
        line = QColor(self.colors.muted if self.locked else self.colors.text)
        fill = QColor(self.colors.background)
        if self.isChecked():
            fill = line = QColor(self.colors.accent)
        elif self.done:
            fill = line = QColor(self.colors.done)
        style = Qt.PenStyle.DotLine if self.locked and fill != line else Qt.PenStyle.SolidLine
        painter.setPen(QPen(line, 1.5, style))
        painter.setBrush(fill)
        painter.drawEllipse(circle)
        if self.hasFocus():
            painter.setPen(QPen(text, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(circle.adjusted(-2, -2, 2, 2))
        font = QFont(self.font())
        font.setBold(self.isChecked())
        painter.setFont(font)
        inside = QColor("white") if fill == line else line
        painter.setPen(inside)
        mark = "✓" if self.done and not self.isChecked() else str(self.number)
        painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, mark)
        painter.setPen(line if self.locked and not self.isChecked() else text)
        below = QRectF(0, CIRCLE + 4, self.width(), 20)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.text())


class Stepper(QWidget):
    """The row of steps; a locked one can be clicked too, and then tells why it is locked."""

    chosen = Signal(int)

    def __init__(self, names: Sequence[str], colors: Colors) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.buttons = [StepButton(i, name, colors) for i, name in enumerate(names, start=1)]
        for index, button in enumerate(self.buttons):
            layout.addWidget(button)
            button.clicked.connect(lambda _=False, i=index: self.chosen.emit(i))

    def show_state(self, current: int, done: Sequence[bool], why_locked: Sequence[str]) -> None:
        """Show the current step (-1: none), which are done, and why others are locked."""
        for index, button in enumerate(self.buttons):
            button.setChecked(index == current)
            button.done = done[index]
            button.locked = bool(why_locked[index])
            button.setToolTip(why_locked[index] or f"Go to step {index + 1}")
            button.update()

    def rename(self, index: int, name: str) -> None:
        """Give a step another name."""
        button = self.buttons[index]
        button.setText(name)
        button.setAccessibleName(f"Step {button.number}: {name}")

    def set_colors(self, colors: Colors) -> None:
        """Repaint in another theme's colors."""
        for button in self.buttons:
            button.colors = colors
            button.update()
