"""Writes the tables of every recipe parameter into reference/recipes.md, from the model itself.

Run it after a parameter was added or changed: ``python docs/recipe_tables.py``. A test says so
when it was forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_synthseg.synth import PRESETS, PasteRecipe

PAGE = Path(__file__).parent / "reference" / "recipes.md"
START, END = "<!-- parameters: start -->", "<!-- parameters: end -->"


def parameter_tables() -> str:
    """Return one table for each section of the form, in Markdown."""
    schema = PasteRecipe.model_json_schema()["properties"]
    sections: dict[str, list[str]] = {}
    for name, field in schema.items():
        if name != "kind":
            sections.setdefault(field.get("group", "Always in sight"), []).append(name)
    return "\n".join(line for title in sections.items() for line in _table(*title, schema))


def _table(title: str, names: list[str], schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"### {title}", "", "| parameter | values | default | `paper` | what it does |")
    yield "|---|---|---|---|---|"
    for name in names:
        field = schema[name]
        default, paper = (
            _shown(PRESETS[preset].model_dump(mode="json")[name]) for preset in ("default", "paper")
        )
        other = paper if paper != default else ""
        text = field["description"]
        yield f"| `{name}` | {_values(field)} | {default} | {other} | {text} |"
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
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{parameter_tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
