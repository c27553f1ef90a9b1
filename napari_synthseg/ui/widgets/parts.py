"""What all pages and tables are built from: labels, buttons, rows, and tables that fit."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
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


def row_of(*widgets: QWidget, stretch: QWidget | None = None) -> QHBoxLayout:
    """Return widgets side by side; `stretch` is the one that takes the free room."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, int(widget is stretch))
    return row


def column_in(widget: QWidget, spacing: int = 6) -> QVBoxLayout:
    """Return the layout of a widget whose children stand below each other, without a margin."""
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(spacing)
    return column


def thin_bar(most: int) -> QProgressBar:
    """Return a progress bar from 0 to `most` without words."""
    bar = QProgressBar()
    bar.setRange(0, most)
    bar.setTextVisible(False)
    bar.setFixedHeight(8)
    return bar


def swatch(color: str, edge_px: int = 14) -> QIcon:
    """Return a square of one color."""
    picture = QPixmap(edge_px, edge_px)
    picture.fill(QColor(color))
    return QIcon(picture)


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
