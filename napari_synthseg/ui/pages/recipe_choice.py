"""How dual images are made: the kind of recipe in words, its presets, and its form."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, UnknownRecipe
from napari_synthseg.synthesis import PRESETS, PasteRecipe, preset_name
from napari_synthseg.ui.widgets.forms import ModelForm
from napari_synthseg.ui.widgets.parts import ChoiceBox, Notice, column_in, row_of
from napari_synthseg.workflow.choosing import has_training_clicks, training_regions

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
        self.kinds = ChoiceBox(
            tip="Paste objects: patches cut from your clicks are put on your background. Learn "
            "from masks: networks learn how image and mask go together, and draw new pairs."
        )
        self.kinds.chosen.connect(self._on_kind)
        self.presets = ChoiceBox(
            {name: name for name in (*PRESETS, CUSTOM)},
            "default: objects cut out by their masks on real background. paper: whole squares on "
            "a blank canvas, as in arXiv 2308.04687. custom: settings of your own.",
        )
        self.presets.chosen.connect(self._on_preset)
        self.how = row_of(QLabel("How"), self.kinds, stretch=self.kinds)
        self._preset_row = row_of(QLabel("Preset"), self.presets, stretch=self.presets)
        self.problem = Notice()
        self._body = column_in(self, self._preset_row, self.problem)

    def show_recipe(self, recipe: Recipe, project: Project) -> None:
        """Show a recipe, and which kinds the marks of the project allow."""
        self._show_kinds(project, recipe)
        self._preset_row.setVisible(isinstance(recipe, PasteRecipe))
        if isinstance(recipe, PasteRecipe):
            self.presets.choose(preset_name(recipe))
        self._last[recipe.kind] = recipe
        if self._shown is None or recipe.kind != self._shown.kind:
            self._replace_form(recipe)
        elif self.form is not None:
            self.form.set_model(recipe)
        self._shown = recipe

    def forget(self) -> None:
        """Forget what was chosen in the project before."""
        self._last.clear()

    def _show_kinds(self, project: Project, recipe: Recipe) -> None:
        missing = {}
        if not has_training_clicks(project):
            missing["patches"] = "Click on a few objects first (step 1)."
        if not training_regions(project):
            missing["masks"] = "Paint regions, or import masks, first (step 1)."
        tips = {
            kind: missing[model.learns_from]
            for kind, model in Recipe.kinds.items()
            if kind != recipe.kind and model.learns_from in missing
        }
        kinds = dict.fromkeys((*Recipe.kinds, recipe.kind))
        self.kinds.fill({kind: KIND_WORDS.get(kind, kind) for kind in kinds}, tips, disabled=tips)
        self.kinds.choose(recipe.kind)

    def _replace_form(self, recipe: Recipe) -> None:
        if self.form is not None:
            self._body.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        if isinstance(recipe, UnknownRecipe):
            self.problem.say(
                f"The recipe '{recipe.kind}' is not installed: install the package that brings it, "
                "or choose another one."
            )
            return
        self.problem.say("")
        self.form = ModelForm(recipe, hidden=("kind",))
        self.form.changed.connect(lambda new: self.changed.emit(new, "change recipe"))
        self._body.addWidget(self.form)

    # --- editing -----------------------------------------------------------------------------

    def _on_kind(self, kind: str) -> None:
        if kind in Recipe.kinds:
            recipe = self._last.get(kind) or Recipe.kinds[kind]()
            self.changed.emit(recipe, "choose how dual images are made")

    def _on_preset(self, name: str) -> None:
        if name != CUSTOM:
            seed = self._shown.seed if isinstance(self._shown, PasteRecipe) else 0
            recipe = PRESETS[name].model_copy(update={"seed": seed})
            self.changed.emit(recipe, f"choose the preset {name}")
