"""Step 3: choose how dual images are made, learn to make them where need be, and look at them."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QLabel, QSpinBox

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.ui.control.controller import Lane, SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.pages.realism_view import run_comparison
from napari_synthseg.ui.pages.recipe_choice import RecipeChoice
from napari_synthseg.ui.pages.work_box import WorkBox
from napari_synthseg.ui.presenters.dual_images import (
    describe_gate,
    describe_pairs,
    describe_rejected,
    describe_unused,
    side_by_side,
)
from napari_synthseg.ui.presenters.steps import TRAIN
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import Notice, check_box, push_button, quiet_label, row_of
from napari_synthseg.ui.widgets.style import Colors
from napari_synthseg.workflow.choosing import suitable_recipe, suitable_spec
from napari_synthseg.workflow.jobs import Job

PREVIEWS, MAX_PREVIEWS = 6, 64

INTRODUCTIONS = {
    "patches": "A dual image is a synthetic micrograph with its exact labels, composed from your "
    "patches and the object-free background. Drag napari's slider below the image to look "
    "through them.",
    "masks": "A dual image is a synthetic micrograph with its exact labels. Networks learn from "
    "your images and regions how both go together, and draw new pairs. This takes minutes; you "
    "can go on painting.",
}
"""What the recipe learns from -> what the user reads."""

COMPARE_TIPS = {
    "patches": "Measure how far dual images of these settings are from your clicked images",
    "masks": "Measure how far dual images are from your images with regions",
}
NO_COMPARE = "Learn first: dual images are compared once there are some"

STOPPED = "Stopped. What was learned so far is saved in the project: 'Learn on' goes on from there."


class SynthesizePage(Page):
    """The recipe, learning it, and a preview as a stack of images and a stack of labels."""

    def __init__(self, controller: SessionController, layers: Layers, colors: Colors) -> None:
        super().__init__(controller, layers)
        self._stale = True
        self._pairs: list[DualImage] = []
        self._is_behind = False  # pairs were made while another page was in sight
        self.choice = RecipeChoice()
        self.choice.changed.connect(self._on_recipe_changed)
        self.introduction, self.found = quiet_label(), Notice("quiet")
        self.learn = WorkBox(
            controller,
            "learning",
            colors,
            self.start_learning,
            (
                "Learn how image and mask go together, in the background",
                "Stop now; what was learned so far is saved in the project",
            ),
            STOPPED,
            side_by_side,
        )
        self.learn.previewed.connect(self._on_previewed)
        self.count = QSpinBox()
        self.count.setRange(1, MAX_PREVIEWS)
        self.count.setValue(PREVIEWS)
        self.count.setSuffix(" pairs")
        self.count.setToolTip("How many dual images are made to look at")
        self.preview_button = push_button(
            "Make preview", self.preview, "Make a few dual images and show them beside the image"
        )
        self.preview_row = row_of(
            QLabel("Preview"), self.count, self.preview_button, stretch=self.preview_button
        )
        self.compare_button = push_button("Compare with real images", self.compare)
        self.rejected_box = check_box(
            "",
            lambda _: self._show_pairs(),
            "Look at the pairs that were rejected, each with its reason",
        )
        self.add(
            self.choice.how, self.introduction, self.learn, self.preview_row, self.compare_button,
            self.found, self.rejected_box, self.choice,
        )  # fmt: skip
        controller.edit_lock.guard(self.choice, self.choice.how)
        controller.library_changed.connect(self._on_stale)
        self.refresh()

    # --- showing -----------------------------------------------------------------------------

    @property
    def _recipe(self) -> Recipe:
        return suitable_recipe(self.project)

    @property
    def _is_learned(self) -> bool:
        """Whether what the recipe needs was learned from the images of now."""
        return self.session is not None and self.session.synthesizer_is_current

    @property
    def _is_ready(self) -> bool:
        """Whether dual images can be made at once."""
        return self._recipe.learns_from != "masks" or self._is_learned

    @property
    def _is_learning(self) -> bool:
        return self.learn.job is not None

    def hint(self) -> str:
        """Say what to look at."""
        if self._is_learning:
            paused = self.learn.is_paused
            return "Paused." if paused else "Learning. Check whether the previews improve."
        if busy := self.busy_hint():
            return busy
        if not self._is_ready:
            if suitable_spec(self.project).source != "real":
                return "Learn to draw dual images: training takes them."
            return "Learn to draw dual images, or go on to step 4: training works without them."
        if self.layers.preview.layers is None:
            return "Make a few dual images to look at."
        return "Do they look like your image? If not, change a setting and look again."

    def next_step(self) -> NextStep:
        """Offer to learn, then the preview, then training."""
        if self._is_learning:
            return NextStep("Learning…", None, "Wait for the end, or press Stop.")
        if self.is_busy:
            return NextStep("Next: train a model", None, "Wait until the preview is made.")
        if not self._is_ready:
            return NextStep(self.learn.start_button.text(), self.start_learning)
        if self.layers.preview.layers is None:
            return NextStep("Make preview", self.preview)
        return self.going_to("Next: train a model", TRAIN)

    def enter(self) -> None:
        """Show the form, and the preview; make it if it is missing or out of date."""
        self.refresh()
        outdated = self._stale or self.layers.preview.layers is None
        if self._is_ready and outdated and not self.is_busy and not self._is_learning:
            self.preview()
        elif self._is_behind:
            self._show_pairs()
        else:
            self.layers.preview.set_visible(True)

    def refresh(self) -> None:
        """Show what belongs to the current recipe."""
        learns_from, learning, session = self._recipe.learns_from, self._is_learning, self.session
        if learning:
            self.found.say("")
        self.introduction.setText(INTRODUCTIONS[learns_from])
        self.choice.show_recipe(self._recipe, self.project)
        for widget in (self.choice, self.choice.how):
            widget.setEnabled(not learning)
        self.learn.setVisible(learns_from == "masks")
        started = session is not None and not session.artifacts.is_empty
        words = "Learned" if self._is_learned else "Learn on" if started else "Learn"
        self.learn.start_button.setText(words)
        can_learn = session is not None and not learning and not self._is_learned
        self.learn.start_button.setEnabled(can_learn)
        idle = not learning and not self.is_busy
        self.preview_row.setVisible(self._is_ready)
        self.preview_button.setEnabled(idle)
        self.compare_button.setEnabled(idle and self._is_ready)
        self.compare_button.setToolTip(COMPARE_TIPS[learns_from] if self._is_ready else NO_COMPARE)
        rejected = self._rejected()
        self.rejected_box.setVisible(bool(rejected))
        self.rejected_box.setEnabled(idle)
        self.rejected_box.setText(f"Show rejected pairs ({len(rejected)})")
        self.next_step_changed.emit()

    # --- work --------------------------------------------------------------------------------

    def preview(self) -> None:
        """Make dual images in the background and show them beside the image."""
        count = self.count.value()
        self.controller.start(
            lambda session: session.synthesize(count), lambda made: self._on_made(made, "short")
        )

    def start_learning(self) -> None:
        """Learn, going on from what is saved, and make the first dual images."""
        count = self.count.value()
        if not self._is_learning and self._keep_recipe():
            self.learn.run(
                lambda session: session.synthesize(count),
                lambda made: self._on_made(made, "learning"),
            )

    def _keep_recipe(self) -> bool:
        """Let what takes long to learn stay the project's recipe, whatever is marked later."""
        project = self.project.model_copy(update={"recipe": self._recipe})
        is_kept = self.project.recipe is not None
        return is_kept or self.controller.edit(project, "choose how dual images are made")

    def compare(self) -> None:
        """Measure in the background how realistic the dual images are, and show the report."""
        show_input_errors(lambda: run_comparison(self.controller, self))

    def _on_made(self, pairs: list[DualImage], lane: Lane) -> None:
        """Count in the lane of the work what the pairs show; then show them."""
        self._stale, self._pairs = False, pairs
        project = self.project
        describe = Job.of("describe the dual images", lambda: describe_pairs(pairs, project))
        self.controller.run(describe, self._show_made, lane=lane)

    def _show_made(self, description: str) -> None:
        fitted = self.session.fitted if self.session else None
        lines = [description]
        if fitted is not None:
            lines += [describe_gate(fitted.synthesizer.statistics), *fitted.notes]
        self.found.say("\n".join(line for line in lines if line))
        with QSignalBlocker(self.rejected_box):
            self.rejected_box.setChecked(False)
        self._show_pairs()
        self.refresh()

    def _show_pairs(self) -> None:
        """Show the pairs in the viewer, or those that were rejected."""
        rejected = self.rejected_box.isChecked()
        pairs = self._rejected() if rejected else self._pairs
        self._is_behind = not self.isVisible()
        if pairs and not self._is_behind:
            captions = describe_rejected(pairs) if rejected else describe_unused(pairs)
            self.layers.show_dual_images(pairs, captions)

    def _rejected(self) -> list[DualImage]:
        """Return the pairs that were rejected, each with its reason."""
        fitted = self.session.fitted if self.session else None
        if fitted is None or self._is_learning or not self._is_ready:
            return []
        return list(fitted.synthesizer.rejected)

    def _on_previewed(self, previews: tuple[list[DualImage], str]) -> None:
        """Show what learning gives so far, in the layers of the dual images."""
        pairs, words = previews
        if pairs and self.isVisible():
            self.layers.show_dual_images(pairs, [f"Learning: {words}"] * len(pairs))

    # --- following ---------------------------------------------------------------------------

    def _on_recipe_changed(self, recipe: Recipe, what: str) -> None:
        self.edit(self.project.model_copy(update={"recipe": recipe}), what)

    def _on_session_changed(self) -> None:
        self._pairs, self._is_behind = [], False
        self.choice.forget()
        self.found.say("")
        self._on_stale()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if suitable_recipe(new) != suitable_recipe(old):
            if self._pairs and new.recipe != old.recipe:
                words = (
                    "learn on" if self._recipe.learns_from == "masks" else "make the preview again"
                )
                self.found.say(f"Settings have changed: {words} to see them.")
            self._on_stale()
        elif new.truths is not old.truths or bool(new.clicks) != bool(old.clicks):
            self.refresh()

    def _on_work_changed(self) -> None:
        self.refresh()

    def _on_stale(self) -> None:
        self._stale = True
        self.refresh()
