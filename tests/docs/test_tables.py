"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from pydantic import BaseModel

from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis import PasteRecipe, VQRecipe
from tests.helpers.pages import ROOT

DOCS = ROOT / "docs"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["recipes.md", "settings.md", "options.md"])
def test_tables_of_the_page_are_as_the_code_is(page: str) -> None:
    told = (DOCS / "reference" / page).read_text("utf-8")
    assert load_script("reference_tables").with_tables(page) == told, (
        "run: python docs/reference_tables.py"
    )


@pytest.mark.parametrize(
    ("page", "models"),
    [("recipes.md", (PasteRecipe, VQRecipe)), ("settings.md", (TrainSpec, ModelSpec))],
)
def test_page_lists_every_field(page: str, models: tuple[type[BaseModel], ...]) -> None:
    listed = set(re.findall(r"^\| `(\w+)` ", (DOCS / "reference" / page).read_text("utf-8"), re.M))
    wanted = {name for model in models for name in model.model_fields}
    assert wanted - listed <= {"kind", "model"}
