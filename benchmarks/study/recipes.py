"""The recipe that an arm of a study asks for."""

from __future__ import annotations

from benchmarks.study.tables import Arm
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.recipe import Recipe, load_recipe, recipe_class
from napari_synthseg.synthesis import PRESETS, default_recipe

SEEDS = ("seed", "learning_seed")
"""Parameters of recipes that follow the training seed."""


def recipe_of(arm: Arm, seed: int) -> Recipe:
    """Return an arm's recipe: a preset or the default one, with the arm's parameters.

    Each training seed makes dual images of its own, and what the recipe learns is learned anew,
    unless the arm gives a seed.

    Raises
    ------
    InputError
        If there is no such preset or parameter, or a value does not fit; the message names the arm.
    """
    start = _preset(arm.name, arm.preset) if arm.preset else default_recipe()
    wanted = dict(arm.recipe)
    if wanted.get("kind", start.kind) != start.kind:
        try:
            start = recipe_class(wanted["kind"])()
        except InputError as error:
            raise InputError(f"[[arm]] '{arm.name}': {error}") from None
    fields = type(start).model_fields
    for name in wanted:
        if name not in fields:
            raise InputError(
                f"[[arm]] '{arm.name}', recipe: there is no parameter '{name}'. "
                f"Known: {', '.join(fields)}."
            )
    for name in SEEDS:
        if name in fields:
            wanted.setdefault(name, seed)
    try:
        return load_recipe({**start.model_dump(), **wanted})
    except InputError as error:
        raise InputError(f"[[arm]] '{arm.name}': {error}") from None


def _preset(arm: str, name: str) -> Recipe:
    if name not in PRESETS:
        raise InputError(
            f"[[arm]] '{arm}': there is no preset '{name}'. Known: {', '.join(PRESETS)}."
        )
    return PRESETS[name]
