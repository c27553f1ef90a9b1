"""Recipes survive saving, and unknown kinds are kept rather than lost."""

import pytest

from napari_synthseg import synthesis
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe, UnknownRecipe, load_recipe, recipe_class


@pytest.mark.parametrize("kind", sorted(Recipe.kinds) or ["paste"])
def test_a_recipe_keeps_its_own_fields_in_a_saved_project(kind):
    assert synthesis.default_recipe().kind in Recipe.kinds
    recipe = Recipe.kinds[kind]()
    saved = Project(recipe=recipe).model_dump(mode="json")["recipe"]
    assert load_recipe(saved) == recipe


def test_an_unknown_kind_is_kept_word_for_word_and_refuses_to_work():
    raw = {"kind": "from-the-future", "strength": 3, "nested": {"a": [1]}}
    recipe = load_recipe(raw)
    assert isinstance(recipe, UnknownRecipe)
    assert recipe.model_dump(mode="json") == raw
    with pytest.raises(InputError, match="from-the-future"):
        next(iter(recipe.fit(None)))


def test_a_recipe_is_found_by_its_kind_or_the_kinds_are_named():
    assert recipe_class("paste") is synthesis.PasteRecipe
    with pytest.raises(InputError, match=r"recipe 'oil' is not installed: .*paste.*vq"):
        recipe_class("oil")


def test_a_wrong_parameter_is_named():
    with pytest.raises(InputError, match="parameter 'siez'"):
        load_recipe({"kind": "paste", "siez": 3})
