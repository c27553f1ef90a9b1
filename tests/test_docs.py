"""The reference pages say what the code says."""

import importlib.util
from pathlib import Path

from napari_synthseg.synthesis import PasteRecipe, VQRecipe

DOCS = Path(__file__).parent.parent / "docs"


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_recipes_lists_every_parameter_as_it_is():
    page = (DOCS / "reference" / "recipes.md").read_text("utf-8")
    assert load_script("recipe_tables").with_tables(page) == page, (
        "run: python docs/recipe_tables.py"
    )
    missing = [
        name
        for recipe in (PasteRecipe, VQRecipe)
        for name in recipe.model_fields
        if name != "kind" and f"| `{name}` |" not in page
    ]
    assert not missing
