"""Writes the tables of every recipe parameter into reference/recipes.md, from the model itself.

Run it after a parameter was added or changed: ``python docs/recipe_tables.py``. A test says so
when it was forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_synthseg.core.recipe import Recipe
from napari_synthseg.synthesis import PRESETS, PasteRecipe, VQRecipe

PAGE = Path(__file__).parent / "reference" / "recipes.md"
KINDS: dict[str, type[Recipe]] = {"paste": PasteRecipe, "vq": VQRecipe}


def parameter_tables(kind: str) -> str:
    """Return one table for each section of the form of a kind of recipe, in Markdown."""
    schema = KINDS[kind].model_json_schema()["properties"]
    sections: dict[str, list[str]] = {}
    for name, field in schema.items():
        if name != "kind":
            sections.setdefault(field.get("group", "Always in sight"), []).append(name)
    return "\n".join(line for title in sections.items() for line in _table(kind, *title, schema))


def _table(kind: str, title: str, names: list[str], schema: dict[str, Any]) -> Iterator[str]:
    presets = [preset for name, preset in PRESETS.items() if name == "paper" and kind == "paste"]
    heads = ["parameter", "values", "default", *(["`paper`"] * len(presets)), "what it does"]
    yield from (f"### {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|")
    defaults = KINDS[kind]().model_dump(mode="json")
    for name in names:
        default = _shown(defaults[name])
        others = [_shown(preset.model_dump(mode="json")[name]) for preset in presets]
        shown = [default, *("" if other == default else other for other in others)]
        description = " ".join(schema[name]["description"].split())
        cells = [f"`{name}`", _values(schema[name]), *shown, description]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _shown(value: object) -> str:
    return "empty" if value is None else json.dumps(value).strip('"')


def _values(field: dict[str, Any]) -> str:
    """Say which values a parameter takes."""
    kinds = field.get("anyOf", [field])
    kind = kinds[0]
    if "enum" in kind:
        said = ", ".join(f"`{value}`" for value in kind["enum"])
    elif kind["type"] == "boolean":
        said = "true, false"
    else:
        low = kind.get("minimum", kind.get("exclusiveMinimum"))
        said = f"from {low}" + (f" to {kind['maximum']}" if "maximum" in kind else "")
        said = said.replace("from", "above") if "exclusiveMinimum" in kind else said
    return said + (", or empty" if len(kinds) > 1 else "")


def with_tables(page: str) -> str:
    """Return the page with its tables made anew."""
    for kind in KINDS:
        start, end = (f"<!-- parameters of {kind}: {place} -->" for place in ("start", "end"))
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        page = f"{before}{start}\n\n{parameter_tables(kind)}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
