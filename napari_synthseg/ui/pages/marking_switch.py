"""The two-way switch at the top of step 1: click objects, or paint regions."""

from __future__ import annotations

from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from napari_synthseg.ui.viewer.layers import Layers, Marking

WAYS: dict[Marking, tuple[str, str]] = {
    "clicks": (
        "Click objects",
        "For things that can be counted: cells, nuclei, particles. You click on their centers.",
    ),
    "regions": (
        "Paint regions",
        "For what has no separate objects: phases, layers, membranes. Paint a few areas of each.",
    ),
}  # fmt: skip
"""How to mark -> what its button says, and when it is right."""


class MarkingSwitch(QWidget):
    """Shows and chooses how the user marks."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._layers = layers
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        group = QButtonGroup(self)
        self.buttons: dict[Marking, QPushButton] = {}
        for how, (words, tip) in WAYS.items():
            button = QPushButton(words)
            button.setObjectName("switch")
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, h=how: layers.mark(h))
            group.addButton(button)
            self.buttons[how] = button
            row.addWidget(button)
        layers.marking_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how the user marks now."""
        self.buttons[self._layers.marking].setChecked(True)
