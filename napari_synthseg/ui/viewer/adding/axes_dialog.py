"""Asks, before files are used, what their axes mean and which of their planes are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.io.images.axes import axis_words
from napari_synthseg.io.images.stacks import MIN_VOLUME_PLANES, StackUse
from napari_synthseg.ui.presenters.images.adding import AxesQuestion
from napari_synthseg.ui.widgets.parts import ChoiceBox, check_box, column_in, quiet_label, row_of
from napari_synthseg.workflow.images.adding import FileUse

STACK_USES: dict[StackUse, str] = {
    "auto": f"Stacks: {MIN_VOLUME_PLANES} planes or more are a volume",
    "volume": "Stacks: use as volumes",
    "planes": "Stacks: use plane by plane",
}

STACK_TIP = (
    "In a volume you click centers in 3D, and whole objects are found. Plane by plane, each plane "
    "is an image of its own."
)

SIZE_PX = 430, 320


class AxesDialog(QDialog):
    """Shows what the axes of files are taken for; calls `use` with what is settled."""

    def __init__(
        self,
        parent: QWidget,
        questions: Sequence[AxesQuestion],
        use: Callable[[list[FileUse]], object],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What the axes mean")
        self.boxes = [QuestionBox(each) for each in questions]
        inner = QWidget()
        column_in(inner, *self.boxes).addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        accept, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
        self.buttons = QDialogButtonBox(accept | cancel)
        self.buttons.button(accept).setText("Use them so")
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(quiet_label("These files hold several planes. Is this what they are?"))
        layout.addWidget(area, 1)
        layout.addWidget(self.buttons)
        self.resize(*SIZE_PX)
        self.accepted.connect(lambda: use([u for box in self.boxes for u in box.question.uses()]))


class QuestionBox(QWidget):
    """What the axes of files of one shape are, and which of their planes are used."""

    def __init__(self, question: AxesQuestion) -> None:
        super().__init__()
        self.question = question
        self.title = quiet_label()
        self.axes = ChoiceBox(question.choices, "What the axes of these files stand for", "Axes")
        self.axes.choose(question.axes.letters)
        self.axes.chosen.connect(self._on_axes)
        self.stack = ChoiceBox(STACK_USES, STACK_TIP, "Stacks")
        self.stack.choose(question.stack)
        self.stack.chosen.connect(self._on_stack)
        self.each = check_box(
            "Use each of them as an image", self._on_each, "Else only the one is used with a number"
        )
        self.numbers = {axis: QSpinBox() for axis in "tz"}
        for axis, box in self.numbers.items():
            word = "frame" if axis == "t" else "plane"
            box.setPrefix(f"{word} ")
            box.setAccessibleName(f"Number of the {word}")
            box.setToolTip(f"The only {word} that is used, counted from 0")
            box.valueChanged.connect(self._on_number)
        column_in(
            self, self.title, self.axes, self.stack, self.each, row_of(*self.numbers.values())
        )
        self.refresh()

    def refresh(self) -> None:
        """Show the question as it is now."""
        question = self.question
        self.title.setText(question.title())
        self.axes.setVisible(len(question.choices) > 1)
        self.stack.setVisible(question.axes.size("z") > 1)
        self.each.setVisible(bool(question.planes))
        with QSignalBlocker(self.each):
            self.each.setChecked(not question.only)
        for axis, box in self.numbers.items():
            count = question.axes.size(axis)
            box.setVisible(axis in question.planes and bool(question.only))
            with QSignalBlocker(box):
                box.setMaximum(count - 1)
                box.setSuffix(f" of {axis_words(axis, count)}")

    def _on_axes(self, letters: str) -> None:
        self.question = self.question.with_axes(letters)
        self.refresh()

    def _on_stack(self, use: StackUse) -> None:
        self.question = replace(self.question, stack=use, only={})
        self.refresh()

    def _on_each(self, checked: bool) -> None:
        only = {} if checked else {a: self.numbers[a].value() for a in self.question.planes}
        self.question = replace(self.question, only=only)
        self.refresh()

    def _on_number(self, _: int) -> None:
        if self.question.only:
            self._on_each(False)
