"""Suggest objects, and answer: the same box on the page of clicks and on that of results."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.suggesting import (
    describe_current,
    describe_open,
    why_no_suggestions,
)
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.kept_in_view import KeptInView
from napari_synthseg.ui.widgets.parts import (
    column_in,
    push_button,
    quiet_label,
    row_of,
)

BY_CLICKS_TIP = (
    "Looks for more objects like those that you clicked. Each is shown with its outline: accept "
    "it (key A) and it becomes a click, reject it (key R) and the model learns that it is none."
)
BY_MODEL_TIP = (
    "Shows what the model finds where nothing is clicked, and what it misses of what looks like "
    "your clicks, the unsure ones first. Accept (key A) or reject (key R) what you see; then "
    "improve the model."
)


class SuggestBox(QWidget):
    """A button that asks for suggestions, and buttons that answer them.

    Parameters
    ----------
    find_run
        Returns the run whose model suggests; None where the clicks do.
    """

    def __init__(
        self,
        controller: SessionController,
        layers: Layers,
        find_run: Callable[[], TrainingRun | None] | None = None,
    ) -> None:
        super().__init__()
        self._controller, self._layers, self._find_run = controller, layers, find_run
        self._review = layers.suggestions
        review = self._review
        tip = BY_CLICKS_TIP if find_run is None else BY_MODEL_TIP
        words = "Suggest objects" if find_run is None else "Correct: suggest objects"
        self.ask_button = push_button(words, self.ask, tip)
        self.stop_button = push_button(
            "Hide", self._on_hide, "Take the suggestions off the image; they are kept"
        )
        self.count, self.current = quiet_label(), quiet_label()
        self.accept_button = push_button(
            "Accept (A)", review.accept,
            "It is an object: make it a click. Also for several that you select on the image by "
            "dragging a rectangle",
        )  # fmt: skip
        self.reject_button = push_button(
            "Reject (R)", review.reject,
            "It is no object: the model learns so. Also for several that you select",
        )  # fmt: skip
        self.back_button = push_button("◀", lambda: review.go(-1), "The one before (key B)")
        self.next_button = push_button("▶", lambda: review.go(1), "The next one (key N)")
        for button in (self.back_button, self.next_button):
            button.setFixedWidth(34)
            button.setAccessibleName(button.toolTip())
        self.accept_all = push_button(
            "Accept all in view", lambda: review.answer_visible("accept"),
            "Make clicks of all suggestions that the canvas shows now; one step of undo",
        )  # fmt: skip
        self.reject_all = push_button(
            "Reject all in view", lambda: review.answer_visible("reject"),
            "All suggestions that the canvas shows now are no objects; one step of undo",
        )  # fmt: skip
        answer = row_of(self.accept_button, self.reject_button)
        self.answers = QWidget()
        column_in(
            self.answers,
            self.current,
            row_of(self.back_button, answer, self.next_button, stretch=answer),
            row_of(self.accept_all, self.reject_all),
        )  # fmt: skip
        asking = row_of(self.ask_button, self.stop_button, stretch=self.ask_button)
        column_in(self, asking, self.count, self.answers)
        review.changed.connect(self.refresh)
        layers.image_changed.connect(self.refresh)
        controller.work_changed.connect(self.refresh)
        controller.project_changed.connect(self._on_project_changed)
        self.refresh()

    @property
    def _refs(self) -> tuple[ImageRef, ...]:
        """The images in view that are learned from; the only one in view in any case."""
        refs = self._layers.image.refs if self._layers.image is not None else ()
        return refs if len(refs) == 1 else tuple(ref for ref in refs if ref.role == "train")

    def ask(self) -> None:
        """Look for objects on the image in view."""
        refs = self._refs
        if refs and not self._why_not():
            self._review.ask(refs[0], self._find_run() if self._find_run is not None else None)

    def _why_not(self) -> str:
        if self._controller.job("short") is not None:
            return "Wait for the end of other work, or cancel it."
        run = self._find_run() if self._find_run is not None else None
        if self._find_run is not None and run is None:
            return "Train a model first."
        return why_no_suggestions(
            self._controller.project, self._refs, by_model=self._find_run is not None
        )

    def refresh(self) -> None:
        """Show what is left and what is current."""
        review = self._review
        why = self._why_not()
        self.ask_button.setEnabled(not why)
        tip = BY_CLICKS_TIP if self._find_run is None else BY_MODEL_TIP
        self.ask_button.setToolTip(f"{why}\n{tip}" if why else tip)
        left = review.open
        shown = review.is_on and bool(review.found)
        several = len(review.chosen) if shown else 0
        self.count.setText(describe_open(review.found, left, several) if shown else "")
        self.count.setVisible(bool(self.count.text()))
        names = self._controller.project.class_names
        self.current.setText(describe_current(review.current, names) if shown else "")
        is_new = shown and bool(left) and self.answers.isHidden()
        self.answers.setVisible(shown and bool(left))
        if is_new and self.isVisible():
            KeptInView(self)
        self.stop_button.setVisible(bool(review.found))
        self.stop_button.setText("Hide" if review.is_on else "Show")

    def _on_hide(self) -> None:
        (self._review.stop if self._review.is_on else self._review.resume)()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.clicks is not old.clicks or new.negatives is not old.negatives:
            self.refresh()
