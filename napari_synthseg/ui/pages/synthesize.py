"""Step 3: choose how dual images are made, learn to make them where need be, and look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.pages.learn_box import LANE, LearnBox
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.pages.realism_view import run_comparison
from napari_synthseg.ui.pages.recipe_choice import RecipeChoice
from napari_synthseg.ui.presenters.defaults import with_defaults
from napari_synthseg.ui.presenters.pair_words import describe_gate, describe_pairs
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.live_pairs import beside
from napari_synthseg.ui.widgets.parts import quiet_label
from napari_synthseg.ui.widgets.style import Colors

PREVIEWS = 6

CAPTION_WIDTH = 52
"""Characters in a line over the image."""

INTRODUCTIONS = {
    "patches": "A dual image is a synthetic micrograph with its exact labels, composed from your "
    "patches and the object-free background. Drag napari's slider below the image to leaf "
    "through them.",
    "masks": "A dual image is a synthetic micrograph with its exact labels. Networks learn from "
    "your images and regions how both go together, and draw new pairs. This takes minutes; you "
    "can go on painting.",
}
"""What the recipe learns from -> what is told."""

COMPARE = {
    "patches": "Measure how far dual images of these settings are from your clicked images",
    "masks": "Measure how far dual images are from your images with regions",
}
NO_COMPARE = "Learn first: dual images are compared once there are some"


class SynthesizePanel(Panel):
    """The recipe, learning it, and a preview as a stack of images and a stack of labels."""

    def __init__(self, controller: SessionController, layers: Layers, colors: Colors) -> None:
        super().__init__(controller, layers)
        self._stale = True
        self._pairs: list[DualImage] = []
        self.choice = RecipeChoice()
        self.choice.changed.connect(self._on_recipe_changed)
        self.told = quiet_label()
        for widget in (self.choice.how, self.told):
            self.body.addWidget(widget)
        self.learn = LearnBox(controller, colors)
        self.learn.pictured.connect(self._on_pictured)
        self.learn.done.connect(self._on_made)
        self.body.addWidget(self.learn)
        self.body.addWidget(self._make_preview())
        self.compare_button = QPushButton("Compare with real images")
        self.compare_button.clicked.connect(self.compare)
        self.body.addWidget(self.compare_button)
        self.found = quiet_label()
        self.body.addWidget(self.found)
        self.rejected_box = QCheckBox()
        self.rejected_box.setToolTip(
            "Look at those that the gate turned away, each with its reason"
        )
        self.rejected_box.toggled.connect(self._show_pairs)
        self.body.addWidget(self.rejected_box)
        self.body.addWidget(self.choice)
        self.body.addStretch()
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)
        controller.library_changed.connect(self._on_stale)
        controller.work_changed.connect(self.refresh)
        self.refresh()

    def _make_preview(self) -> QWidget:
        self.preview_row = QWidget()
        row = QHBoxLayout(self.preview_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Preview"))
        self.count = QSpinBox()
        self.count.setRange(1, 64)
        self.count.setValue(PREVIEWS)
        self.count.setSuffix(" pairs")
        self.count.valueChanged.connect(lambda count: setattr(self.learn, "count", count))
        row.addWidget(self.count)
        self.preview_button = QPushButton("Make preview")
        self.preview_button.clicked.connect(self.preview)
        row.addWidget(self.preview_button, 1)
        return self.preview_row

    # --- showing -----------------------------------------------------------------------------

    @property
    def _project(self) -> Project:
        return self.controller.session.project if self.controller.session else Project()

    @property
    def _learns(self) -> bool:
        """Whether the recipe must be learned."""
        return (self._project.recipe or default_recipe()).learns_from == "masks"

    @property
    def _ready(self) -> bool:
        """Whether dual images can be made at once."""
        session = self.controller.session
        return not self._learns or (session is not None and session.synthesizer_is_current)

    @property
    def _busy(self) -> bool:
        return self.controller.job("short") is not None or self.controller.job(LANE) is not None

    def hint(self) -> str:
        """Say what to look at."""
        job = self.controller.job(LANE)
        if job is not None:
            return "Paused." if job.state == "paused" else "Learning. Do the pictures get better?"
        if self.controller.job("short") is not None:
            return "Making dual images…"
        if not self._ready:
            return "Learn how image and mask go together."
        if self.layers.outputs.preview is None:
            return "Make a few dual images to look at."
        return "Do they look like your image? If not, change a setting and look again."

    def next_step(self) -> NextStep:
        """Offer to learn, then the preview, then training."""
        if self.controller.job(LANE) is not None:
            return NextStep("Learning…", None, "Wait for the end, or press Stop.")
        if self.controller.job("short") is not None:
            return NextStep("Next: train a model", None, "Wait until the preview is made.")
        if not self._ready:
            return NextStep(self.learn.start_button.text(), self.learn.start)
        if self.layers.outputs.preview is None:
            return NextStep("Make preview", self.preview)
        return NextStep("Next: train a model", lambda: self.go_to.emit(3))

    def enter(self) -> None:
        """Show the form, and the preview; make it if it is missing or out of date."""
        session = self.controller.session
        if session is not None and not session.read_only:
            show_input_errors(
                lambda: session.edit(with_defaults(session.project), "choose what suits regions")
            )
        self.refresh()
        if self._busy:
            self.layers.outputs.set_preview_visible(True)
        elif self._ready and (self._stale or self.layers.outputs.preview is None):
            self.preview()
        else:
            self.layers.outputs.set_preview_visible(True)

    def refresh(self) -> None:
        """Show what belongs to the recipe of now."""
        learns, busy = self._learns, self._busy
        if self.controller.job(LANE) is not None:
            self._tell("")
        self.told.setText(INTRODUCTIONS["masks" if learns else "patches"])
        self.choice.show_project(self._project)
        for widget in (self.choice, self.choice.how):
            widget.setEnabled(self.controller.job(LANE) is None)
        self.learn.setVisible(learns)
        self.preview_row.setVisible(self._ready)
        self.preview_button.setEnabled(not busy)
        self.compare_button.setEnabled(not busy and self._ready)
        told = COMPARE["masks" if learns else "patches"] if self._ready else NO_COMPARE
        self.compare_button.setToolTip(told)
        rejected = self._rejected()
        self.rejected_box.setVisible(bool(rejected))
        self.rejected_box.setText(f"Show rejected pairs ({len(rejected)})")
        self.next_step_changed.emit()

    # --- work --------------------------------------------------------------------------------

    def preview(self) -> None:
        """Make dual images in the background and show them beside the image."""
        session = self.controller.session
        if session is not None:
            count = self.count.value()
            show_input_errors(lambda: self.controller.run(session.synthesize(count), self._on_made))

    def compare(self) -> None:
        """Measure in the background how realistic the dual images are, and show the report."""
        show_input_errors(lambda: run_comparison(self.controller, self))

    def _on_made(self, pairs: list[DualImage]) -> None:
        self._stale, self._pairs = False, pairs
        session = self.controller.session
        fitted = session.fitted if session else None
        lines = [describe_pairs(pairs, self._project)]
        if fitted is not None:
            lines += [describe_gate(fitted.synthesizer.statistics), *fitted.notes]
        self._tell("\n".join(line for line in lines if line))
        with QSignalBlocker(self.rejected_box):
            self.rejected_box.setChecked(False)
        self.refresh()
        self._show_pairs()

    def _show_pairs(self) -> None:
        """Show the dual images in the viewer, or those that were rejected."""
        pairs: Sequence[DualImage] = self._pairs
        captions = [
            f"Nothing learns from this one: {p.rejection_reason}" if p.rejection_reason else ""
            for p in pairs
        ]
        if self.rejected_box.isChecked():
            rejected = self._rejected()
            pairs = rejected
            captions = [
                f"Rejected {n} of {len(rejected)}: {pair.rejection_reason}"
                for n, pair in enumerate(rejected, 1)
            ]
        if pairs and self.isVisible():
            told = [fill(text, CAPTION_WIDTH) for text in captions] if any(captions) else []
            self.layers.show_dual_images(pairs, told)
        self.next_step_changed.emit()

    def _rejected(self) -> list[DualImage]:
        """Return the pairs that were turned away, each with its reason."""
        session = self.controller.session
        if session is None or session.fitted is None or self._busy or not self._ready:
            return []
        return list(session.fitted.synthesizer.rejected)

    def _on_pictured(self, pictures: Mapping[str, Sequence[DualImage]]) -> None:
        """Show what learning gives so far, in the layers of the dual images."""
        if not self.isVisible():
            return
        pairs, words = beside(pictures)
        if pairs:
            self.layers.show_dual_images(pairs, [f"Learning: {words}"] * len(pairs))

    def _tell(self, text: str) -> None:
        """Say what was made, or that it is out of date."""
        self.found.setText(text)
        self.found.setVisible(bool(text))

    # --- editing -----------------------------------------------------------------------------

    def _on_recipe_changed(self, recipe: Recipe, what: str) -> None:
        session = self.controller.session
        if session is not None:
            new = session.project.model_copy(update={"recipe": recipe})
            show_input_errors(lambda: session.edit(new, what))

    def _on_session_changed(self) -> None:
        self._pairs = []
        self.choice.forget()
        self._on_stale()
        self._tell("")

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.recipe != old.recipe:
            self._on_stale()
            words = "learn on" if self._learns else "make the preview again"
            self._tell(f"Settings have changed: {words} to see them.")
        elif new.truths is not old.truths or bool(new.clicks) != bool(old.clicks):
            self.refresh()

    def _on_stale(self) -> None:
        self._stale = True
        self.refresh()
