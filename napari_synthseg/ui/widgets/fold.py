"""A heading that shows and hides what belongs to it."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QWidget

from napari_synthseg.ui.widgets.parts import column_in, row_of


class Fold(QWidget):
    """Widgets below a heading, hidden until it is clicked."""

    opened = Signal(bool)

    def __init__(self, title: str, *widgets: QWidget, tip: str = "") -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setToolTip(tip or f"Show or hide: {title}")
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.body = QWidget()
        self._below = column_in(self.body, *widgets)
        self._below.setContentsMargins(0, 0, 0, 4)
        column_in(self, self.button, self.body).setSpacing(2)
        self.button.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def add(self, widget: QWidget) -> None:
        """Put a widget below the others."""
        self._below.addWidget(widget)

    @property
    def is_open(self) -> bool:
        """Whether the widgets are shown."""
        return self.button.isChecked()

    def open(self, is_open: bool = True) -> None:
        """Show or hide the widgets."""
        self.button.setChecked(is_open)

    def say(self, title: str) -> None:
        """Change the heading."""
        self.button.setText(title)

    def _on_toggled(self, is_open: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self.button.setArrowType(arrow)
        self.body.setVisible(is_open)
        self.opened.emit(is_open)


class FoldRow(QWidget):
    """Folds whose headings stand side by side; at most one of them is open."""

    def __init__(self, *folds: Fold) -> None:
        super().__init__()
        self._folds = folds
        headings = row_of(*(fold.button for fold in folds))
        column_in(self, headings, *folds).setSpacing(0)
        for fold in folds:
            fold.opened.connect(partial(self._on_opened, fold))

    def _on_opened(self, opened: Fold, is_open: bool) -> None:
        for fold in self._folds if is_open else ():
            fold.open(fold is opened)
