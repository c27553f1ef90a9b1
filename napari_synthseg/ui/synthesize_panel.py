"""Step 3: set the recipe and look at dual images."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.recipe import Recipe, UnknownRecipe
from napari_synthseg.synth import PRESETS, default_recipe, preset_name
from napari_synthseg.ui.desk import Desk
from napari_synthseg.ui.forms import ModelForm
from napari_synthseg.ui.layers import Layers
from napari_synthseg.ui.notices import attempt
from napari_synthseg.ui.panel import NextStep, Panel, notice_label, quiet_label
from napari_synthseg.ui.realism_view import run_comparison

PREVIEWS = 6
CUSTOM = "custom"
"""The preset's name once a setting was changed."""


class SynthesizePanel(Panel):
    """The recipe's form, and a preview as a stack of images and a stack of labels."""

    def __init__(self, desk: Desk, layers: Layers) -> None:
        super().__init__(desk, layers)
        self._shown: Recipe | None = None
        self._stale = True
        self.body.addWidget(
            quiet_label(
                "A dual image is a synthetic micrograph with its exact labels, composed from your "
                "patches and the object-free background. Drag napari's slider below the image to "
                "leaf through them."
            )
        )
        row = QHBoxLayout()
        row.addWidget(QLabel("Preview"))
        self.count = QSpinBox()
        self.count.setRange(1, 64)
        self.count.setValue(PREVIEWS)
        self.count.setSuffix(" pairs")
        row.addWidget(self.count)
        self.preview_button = QPushButton("Make preview")
        self.preview_button.clicked.connect(self.preview)
        row.addWidget(self.preview_button, 1)
        self.body.addLayout(row)
        self.compare_button = QPushButton("Compare with real images")
        self.compare_button.setToolTip(
            "Measure how far dual images of these settings are from your clicked images"
        )
        self.compare_button.clicked.connect(self.compare)
        self.body.addWidget(self.compare_button)
        self.found = quiet_label()
        self.body.addWidget(self.found)
        self.problem = notice_label()
        self.problem.hide()
        self.body.addWidget(self.problem)
        self.body.addLayout(self._make_presets())
        self._place = QWidget()
        QVBoxLayout(self._place).setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self._place)
        self.form: ModelForm[Any] | None = None
        self.body.addStretch()
        desk.session_changed.connect(self._on_session_changed)
        desk.project_changed.connect(self._on_project_changed)
        desk.library_changed.connect(self._on_stale)
        desk.work_changed.connect(self._on_work_changed)

    def _make_presets(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(QLabel("Preset"))
        self.presets = QComboBox()
        self.presets.addItems([*PRESETS, CUSTOM])
        self.presets.setToolTip(
            "default: objects cut out by their masks on real background. paper: whole squares on "
            "a blank canvas, as in arXiv 2308.04687. custom: settings of your own."
        )
        self.presets.textActivated.connect(self._on_preset)
        row.addWidget(self.presets, 1)
        return row

    # --- showing -----------------------------------------------------------------------------

    def hint(self) -> str:
        """Say what to look at."""
        if self.desk.job("short") is not None:
            return "Making dual images…"
        if self.layers.outputs.preview is None:
            return "Make a few dual images to look at."
        return "Do they look like your image? If not, change a setting and look again."

    def next_step(self) -> NextStep:
        """Offer the preview, then training."""
        if self.desk.job("short") is not None:
            return NextStep("Next: train a model", None, "Wait until the preview is made.")
        if self.layers.outputs.preview is None:
            return NextStep("Make preview", self.preview)
        return NextStep("Next: train a model", lambda: self.go_to.emit(3))

    def enter(self) -> None:
        """Show the form, and the preview; make it if it is missing or out of date."""
        self._show_recipe()
        if self._stale or self.layers.outputs.preview is None:
            self.preview()
        else:
            self.layers.outputs.set_preview_visible(True)

    def preview(self) -> None:
        """Make dual images in the background and show them beside the image."""
        session = self.desk.session
        if session is not None:
            count = self.count.value()
            attempt(lambda: self.desk.run(session.synthesize(count), self._on_made))

    def compare(self) -> None:
        """Measure in the background how realistic the dual images are, and show the report."""
        attempt(lambda: run_comparison(self.desk, self))

    def _on_made(self, pairs: list[DualImage]) -> None:
        self._stale = False
        objects = sum(p.labels.count for p in pairs)
        shape = " x ".join(str(n) for n in pairs[0].labels.ids.shape)
        session = self.desk.session
        notes = session.fitted.notes if session and session.fitted else ()
        made = f"{len(pairs)} pairs of {shape} pixels, {objects} objects in all."
        self.found.setText("\n".join((made, *notes)))
        if self.isVisible():
            self.layers.show_dual_images(pairs)
        self.next_step_changed.emit()

    def _show_recipe(self) -> None:
        session = self.desk.session
        recipe = (session.project.recipe if session else None) or default_recipe()
        self.presets.setCurrentText(preset_name(recipe))
        if recipe == self._shown:
            return
        if self.form is not None and type(recipe) is type(self._shown):
            self.form.set_model(recipe)
        else:
            self._replace_form(recipe)
        self._shown = recipe

    def _replace_form(self, recipe: Recipe) -> None:
        layout = self._place.layout()
        if self.form is not None:
            layout.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        if isinstance(recipe, UnknownRecipe):
            self._on_refused(f"The recipe '{recipe.kind}' is not known to this version.")
            return
        self.form = ModelForm(recipe, hidden=("kind",))
        self.form.changed.connect(self._on_recipe_changed)
        self.form.refused.connect(self._on_refused)
        layout.addWidget(self.form)

    # --- editing -----------------------------------------------------------------------------

    def _on_preset(self, name: str) -> None:
        session = self.desk.session
        if session is None or name == CUSTOM:
            return
        seed = getattr(session.project.recipe, "seed", 0)
        recipe = PRESETS[name].model_copy(update={"seed": seed})
        new = session.project.model_copy(update={"recipe": recipe})
        attempt(lambda: session.edit(new, f"choose the preset {name}"))

    def _on_recipe_changed(self, recipe: Recipe) -> None:
        session = self.desk.session
        self._shown = recipe
        self.presets.setCurrentText(preset_name(recipe))
        if session is not None:
            new = session.project.model_copy(update={"recipe": recipe})
            attempt(lambda: session.edit(new, "change recipe"))

    def _on_refused(self, why: str) -> None:
        self.problem.setText(why)
        self.problem.setVisible(bool(why))

    def _on_session_changed(self) -> None:
        self._on_stale()
        self.found.setText("")

    def _on_project_changed(self, new: Any, old: Any) -> None:
        if new.recipe != old.recipe:
            self._on_stale()
            self.found.setText("Settings have changed: make the preview again to see them.")
            self._show_recipe()

    def _on_stale(self) -> None:
        self._stale = True
        self.next_step_changed.emit()

    def _on_work_changed(self) -> None:
        for button in (self.preview_button, self.compare_button):
            button.setEnabled(self.desk.job("short") is None)
        self.next_step_changed.emit()
