"""A part of a page that the user opens and closes."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QWidget

from napari_synthseg.ui.widgets.parts import column_in


class Section(QWidget):
    """A title that shows or hides what is below it; closed at first."""

    opened = Signal()

    def __init__(self, title: str, content: QWidget, tip: str = "") -> None:
        super().__init__()
        self.content = content
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setToolTip(tip)
        self.button.setCheckable(True)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.toggled.connect(self._on_toggled)
        column_in(self, self.button, content)
        self._on_toggled(False)

    def open(self) -> None:
        """Show what is in it."""
        self.button.setChecked(True)

    @property
    def is_open(self) -> bool:
        """Whether what is in it can be seen."""
        return self.button.isChecked()

    def _on_toggled(self, is_open: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.content.setVisible(is_open)
        if is_open:
            self.opened.emit()
