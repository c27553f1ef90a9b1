"""What all pages and boxes are built from: labels, buttons, lists of choices, rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)


def push_button(text: str, action: Callable[[], object], tip: str = "") -> QPushButton:
    """Return a button that calls `action` when it is clicked."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _=False: action())
    return button


def check_box(text: str, action: Callable[[bool], object], tip: str = "") -> QCheckBox:
    """Return a check box that calls `action` with its new state."""
    box = QCheckBox(text)
    box.setToolTip(tip)
    box.toggled.connect(action)
    return box


class ChoiceBox(QComboBox):
    """A list of entries, each with a value; it shrinks to the panel's width.

    `name` is what screen readers call it where no label stands beside it.
    """

    chosen = Signal(object)
    """The value of the entry that the user chose now."""

    def __init__(
        self, entries: Mapping[Any, str] | None = None, tip: str = "", name: str = ""
    ) -> None:
        super().__init__()
        self.setToolTip(tip)
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.fill(entries or {})
        self.currentIndexChanged.connect(lambda _: self.chosen.emit(self.value))

    @property
    def value(self) -> Any:
        """The value of the chosen entry; None where there is no entry."""
        return self.currentData()

    def fill(
        self,
        entries: Mapping[Any, str],
        tips: Mapping[Any, str] | None = None,
        disabled: Container[Any] = (),
    ) -> bool:
        """Offer other entries, value -> text; return whether their values are others.

        What was chosen stays so where it is still offered, else the first is chosen.
        """
        before, value = [self.itemData(i) for i in range(self.count())], self.value
        with QSignalBlocker(self):
            self.clear()
            for index, (each, text) in enumerate(entries.items()):
                self.addItem(text, each)
                self.setItemData(index, (tips or {}).get(each, ""), Qt.ItemDataRole.ToolTipRole)
                self.model().item(index).setEnabled(each not in disabled)
            self.setCurrentIndex(max(self.findData(value), 0))
        return before != list(entries)

    def choose(self, value: object) -> None:
        """Choose an entry; one that is not offered is added."""
        with QSignalBlocker(self):
            if self.findData(value) < 0:
                self.addItem(str(value), value)
            self.setCurrentIndex(self.findData(value))


class SwitchRow(QWidget):
    """Buttons side by side of which at most one is pressed.

    Parameters
    ----------
    entries
        What each button stands for -> what it says, and its tool tip.
    action
        Called with what a clicked button stands for.
    """

    def __init__(
        self,
        entries: Mapping[Any, tuple[str, str]],
        action: Callable[[Any], object],
        spacing: int = 3,
    ) -> None:
        super().__init__()
        self.buttons: dict[Any, QPushButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(spacing)
        for value, (text, tip) in entries.items():
            button = push_button(text, partial(action, value), tip)
            button.setCheckable(True)
            self._group.addButton(button)
            self.buttons[value] = button
            row.addWidget(button)

    def press(self, value: object) -> None:
        """Show one button as pressed; none where there is no such button."""
        self._group.setExclusive(False)
        for each, button in self.buttons.items():
            button.setChecked(each == value)
        self._group.setExclusive(True)


class WrappedLabel(QLabel):
    """A text of as many lines as it needs."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def say(self, text: str) -> None:
        """Show a text."""
        self.setText(text)


class Notice(WrappedLabel):
    """What the user must know now; hides while there is nothing to say."""

    def __init__(self, style: str = "notice") -> None:
        super().__init__()
        self.setObjectName(style)
        self.hide()

    def say(self, text: str) -> None:
        """Show a text; '' hides."""
        super().say(text)
        self.setVisible(bool(text))


class ElidedLabel(QLabel):
    """A line whose end is left out where there is no room; its tool tip has all of it."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def say(self, text: str) -> None:
        """Show a text."""
        self._whole = text
        self.setToolTip(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show more or less of the text."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        elide = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(self._whole, elide, self.width()))


def quiet_label(text: str = "") -> QLabel:
    """Return a label for explanations, wrapped and quieter than the rest."""
    label = QLabel(text)
    label.setObjectName("quiet")
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def row_of(*widgets: QWidget, stretch: QWidget | None = None) -> QWidget:
    """Return widgets side by side; `stretch` is the one that takes the free room.

    A label is the name of what follows it.
    """
    return _row(widgets, [int(widget is stretch) for widget in widgets])


def row_by_text(*widgets: QWidget) -> QWidget:
    """Return widgets side by side that share the room by what they say; none is cramped."""
    return _row(widgets, [widget.sizeHint().width() for widget in widgets])


def _row(widgets: Sequence[QWidget], shares: Sequence[int]) -> QWidget:
    for label, named in pairwise(widgets):
        if isinstance(label, QLabel):
            label.setBuddy(named)
    whole = QWidget()
    row = QHBoxLayout(whole)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for widget, share in zip(widgets, shares, strict=True):
        row.addWidget(widget, share)
    return whole


def column_in(whole: QWidget, *widgets: QWidget) -> QVBoxLayout:
    """Put widgets below each other into another one, without a margin; return the layout."""
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    for widget in widgets:
        column.addWidget(widget)
    return column


def selected_rows(view: QAbstractItemView) -> list[int]:
    """Return the rows of a view that are selected, in order."""
    ranges = view.selectionModel().selection()  # few, where indexes are many
    return sorted({row for r in ranges for row in range(r.top(), r.bottom() + 1)})


def thin_bar(most: int) -> QProgressBar:
    """Return a progress bar from 0 to `most` without words."""
    bar = QProgressBar()
    bar.setRange(0, most)
    bar.setTextVisible(False)
    bar.setFixedHeight(8)
    return bar


def square(edge_px: int, color: str = "transparent") -> QPixmap:
    """Return a square of one color, as sharp as the sharpest screen can show it."""
    ratio = QApplication.instance().devicePixelRatio()
    picture = QPixmap(round(edge_px * ratio), round(edge_px * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(color))
    return picture


def swatch(color: str, edge_px: int = 14) -> QIcon:
    """Return a square of one color."""
    return plain_icon(square(edge_px, color))


def cross(color: str, edge_px: int = 14) -> QIcon:
    """Return a diagonal cross of one color."""
    picture = square(edge_px)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(color), edge_px / 5))
    low, high = edge_px // 6, edge_px - edge_px // 6
    painter.drawLine(low, low, high, high)
    painter.drawLine(low, high, high, low)
    painter.end()
    return plain_icon(picture)


def plain_icon(picture: QPixmap) -> QIcon:
    """Return an icon that has the same colors where its row is selected; Qt would tint it."""
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon
