"""How dual images are made: the kind of recipe in words, its presets, and its form."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, UnknownRecipe
from napari_synthseg.synthesis import PRESETS, default_recipe, preset_name
from napari_synthseg.ui.presenters.steps import training_clicks, training_regions
from napari_synthseg.ui.widgets.forms import ModelForm
from napari_synthseg.ui.widgets.parts import fit_narrow, notice_label

KIND_WORDS = {"paste": "paste objects", "vq": "learn from masks"}
"""Kind of recipe -> what its entry says; others say their kind."""

CUSTOM = "custom"
"""The preset's name once a setting was changed."""

PASTED = "paste"
"""The kind that has presets."""


class RecipeChoice(QWidget):
    """Chooses and edits a recipe; the recipes of other kinds are remembered.

    `how`, the row with the kinds, is for the panel to place: it stands above all else.
    """

    changed = Signal(object, str)
    """The new recipe, and what to call the edit."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Recipe | None = None
        self._last: dict[str, Recipe] = {}
        self.form: ModelForm[Any] | None = None
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        self.kinds, self.presets = QComboBox(), QComboBox()
        self.kinds.setToolTip(
            "Paste objects: patches cut from your clicks are put on your background. Learn from "
            "masks: networks learn how image and mask go together, and draw new pairs."
        )
        self.kinds.activated.connect(self._on_kind)
        self.presets.addItems([*PRESETS, CUSTOM])
        self.presets.setToolTip(
            "default: objects cut out by their masks on real background. paper: whole squares on "
            "a blank canvas, as in arXiv 2308.04687. custom: settings of your own."
        )
        self.presets.textActivated.connect(self._on_preset)
        self.how, self._preset_row = _row("How", self.kinds), _row("Preset", self.presets)
        body.addWidget(self._preset_row)
        self.problem = notice_label()
        self.problem.hide()
        body.addWidget(self.problem)
        self._place = QWidget()
        QVBoxLayout(self._place).setContentsMargins(0, 0, 0, 0)
        body.addWidget(self._place)

    def show_project(self, project: Project) -> None:
        """Show the recipe of a project, and which kinds its marks allow."""
        recipe = project.recipe or default_recipe()
        self._show_kinds(project, recipe)
        self._preset_row.setVisible(recipe.kind == PASTED)
        if recipe.kind == PASTED:
            self.presets.setCurrentText(preset_name(recipe))
        self._last[recipe.kind] = recipe
        if recipe == self._shown:
            return
        if self.form is not None and type(recipe) is type(self._shown):
            self.form.set_model(recipe)
        else:
            self._replace_form(recipe)
        self._shown = recipe

    def forget(self) -> None:
        """Forget what was chosen in the project before."""
        self._last.clear()

    def _show_kinds(self, project: Project, recipe: Recipe) -> None:
        there = {
            "patches": bool(training_clicks(project)),
            "masks": bool(training_regions(project)),
        }
        why = {
            "patches": "Click on a few objects first (step 1).",
            "masks": "Paint regions, or bring masks along, first (step 1).",
        }
        with QSignalBlocker(self.kinds):
            self.kinds.clear()
            for kind, model in Recipe.kinds.items():
                self.kinds.addItem(KIND_WORDS.get(kind, kind), kind)
                item = self.kinds.model().item(self.kinds.count() - 1)
                usable = there[model.learns_from] or kind == recipe.kind
                item.setEnabled(usable)
                if not usable:
                    item.setToolTip(why[model.learns_from])
            if recipe.kind not in Recipe.kinds:
                self.kinds.addItem(recipe.kind, recipe.kind)
            self.kinds.setCurrentIndex(self.kinds.findData(recipe.kind))

    def _replace_form(self, recipe: Recipe) -> None:
        layout = self._place.layout()
        if self.form is not None:
            layout.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        self._on_refused("")
        if isinstance(recipe, UnknownRecipe):
            self._on_refused(f"The recipe '{recipe.kind}' is not known to this version.")
            return
        self.form = ModelForm(recipe, hidden=("kind",))
        self.form.changed.connect(self._on_edited)
        self.form.refused.connect(self._on_refused)
        layout.addWidget(self.form)

    # --- editing -----------------------------------------------------------------------------

    def _on_kind(self) -> None:
        kind = self.kinds.currentData()
        if self._shown is None or kind == self._shown.kind or kind not in Recipe.kinds:
            return
        recipe = self._last.get(kind) or Recipe.kinds[kind]()
        self.changed.emit(recipe, "choose how dual images are made")

    def _on_preset(self, name: str) -> None:
        if name != CUSTOM:
            recipe = PRESETS[name].model_copy(update={"seed": getattr(self._shown, "seed", 0)})
            self.changed.emit(recipe, f"choose the preset {name}")

    def _on_edited(self, recipe: Recipe) -> None:
        self._shown = recipe
        self.changed.emit(recipe, "change recipe")

    def _on_refused(self, why: str) -> None:
        self.problem.setText(why)
        self.problem.setVisible(bool(why))


def _row(words: str, box: QComboBox) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    fit_narrow(box)
    layout.addWidget(QLabel(words))
    layout.addWidget(box, 1)
    return row
