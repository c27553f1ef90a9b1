"""The window that lists all keys, as they are bound."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_synthseg.ui.presenters.shortcuts import PLACES, SHORTCUTS
from napari_synthseg.ui.widgets.parts import quiet_label

SIZE_PX = (560, 640)

OF_NAPARI = "All keys of napari: Ctrl+Alt+/. Other keys for them: File > Preferences > Shortcuts."


class ShortcutsWindow(QDialog):
    """Lists the keys by where they work; Escape closes it, and work goes on beside it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of SynthSeg")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        body = QWidget()
        grid = QGridLayout(body)
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(14)
        for place, words in PLACES.items():
            heading = QLabel(words)
            heading.setObjectName("hint")
            heading.setWordWrap(True)
            heading.setContentsMargins(0, 10, 0, 0)
            grid.addWidget(heading, grid.rowCount(), 0, 1, 2)
            for shortcut in SHORTCUTS[place]:
                keys, what = QLabel(shortcut.shown_keys), QLabel(shortcut.what)
                keys.setObjectName("key")
                what.setWordWrap(True)
                row = grid.rowCount()
                grid.addWidget(keys, row, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                grid.addWidget(what, row, 1)
        grid.addWidget(quiet_label(OF_NAPARI), grid.rowCount(), 0, 1, 2)
        grid.setRowStretch(grid.rowCount(), 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(body)
        QVBoxLayout(self).addWidget(area)
        self.resize(*SIZE_PX)
