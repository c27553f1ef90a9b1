"""How dual images are made: the kind of recipe in words, its presets, and its form."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, UnknownRecipe
from napari_synthseg.synthesis import PRESETS, PasteRecipe, default_recipe, preset_name
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.steps import (
    suitable_recipe,
    training_clicks,
    training_regions,
)
from napari_synthseg.ui.widgets.forms import ModelForm
from napari_synthseg.ui.widgets.parts import column_in, fit_narrow, notice_label, row_of

KIND_WORDS = {"paste": "paste objects", "vq": "learn from masks"}
"""Kind of recipe -> what its entry says; others show their kind."""

CUSTOM = "custom"
"""The preset's name once a setting was changed."""


class RecipeChoice(QWidget):
    """Chooses and edits a recipe; the recipes of other kinds are remembered.

    `how`, the row with the kinds, is for the page to place: it stands above all else.
    """

    changed = Signal(object, str)
    """The new recipe, and what to call the edit."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Recipe | None = None
        self._last: dict[str, Recipe] = {}
        self.form: ModelForm[Any] | None = None
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
        self.problem, self._place = notice_label(), QWidget()
        self._place_layout = column_in(self._place)
        body = column_in(self)
        for widget in (self._preset_row, self.problem, self._place):
            body.addWidget(widget)
        self._on_refused("")

    def show_recipe(self, recipe: Recipe, project: Project) -> None:
        """Show a recipe, and which kinds the marks of the project allow."""
        self._show_kinds(project, recipe)
        self._preset_row.setVisible(isinstance(recipe, PasteRecipe))
        if isinstance(recipe, PasteRecipe):
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
        missing = {
            "patches": "" if training_clicks(project) else "Click on a few objects first (step 1).",
            "masks": ""
            if training_regions(project)
            else "Paint regions, or use masks that are there already, first (step 1).",
        }
        with QSignalBlocker(self.kinds):
            self.kinds.clear()
            for kind, model in Recipe.kinds.items():
                self.kinds.addItem(KIND_WORDS.get(kind, kind), kind)
                why = "" if kind == recipe.kind else missing[model.learns_from]
                item = self.kinds.model().item(self.kinds.count() - 1)
                item.setEnabled(not why)
                item.setToolTip(why)
            if recipe.kind not in Recipe.kinds:
                self.kinds.addItem(recipe.kind, recipe.kind)
            self.kinds.setCurrentIndex(self.kinds.findData(recipe.kind))

    def _replace_form(self, recipe: Recipe) -> None:
        if self.form is not None:
            self._place_layout.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        if isinstance(recipe, UnknownRecipe):
            self._on_refused(
                f"The recipe '{recipe.kind}' is not installed: install the package that brings it, "
                "or choose another one."
            )
            return
        self._on_refused("")
        self.form = ModelForm(recipe, hidden=("kind",))
        self.form.changed.connect(self._on_edited)
        self.form.refused.connect(self._on_refused)
        self._place_layout.addWidget(self.form)

    # --- editing -----------------------------------------------------------------------------

    def _on_kind(self) -> None:
        kind = self.kinds.currentData()
        if self._shown is not None and kind != self._shown.kind and kind in Recipe.kinds:
            recipe = self._last.get(kind) or Recipe.kinds[kind]()
            self.changed.emit(recipe, "choose how dual images are made")

    def _on_preset(self, name: str) -> None:
        if name != CUSTOM:
            seed = self._shown.seed if isinstance(self._shown, PasteRecipe) else 0
            recipe = PRESETS[name].model_copy(update={"seed": seed})
            self.changed.emit(recipe, f"choose the preset {name}")

    def _on_edited(self, recipe: Recipe) -> None:
        self._shown = recipe
        self.changed.emit(recipe, "change recipe")

    def _on_refused(self, why: str) -> None:
        self.problem.setText(why)
        self.problem.setVisible(bool(why))


def choose_suitable_recipe(controller: SessionController) -> bool:
    """Let the project have the recipe that its pages show; return whether it has it.

    A project without a recipe that is to be learned gets one when the user starts work with it.
    """
    project = controller.project
    recipe = suitable_recipe(project)
    if project.recipe is not None or recipe == default_recipe():
        return True
    new = project.model_copy(update={"recipe": recipe})
    return controller.edit(new, "choose how dual images are made")


def _row(words: str, box: QComboBox) -> QWidget:
    fit_narrow(box)
    widget, row = QWidget(), row_of(QLabel(words), box, stretch=box)
    row.setContentsMargins(0, 0, 0, 0)
    widget.setLayout(row)
    return widget
