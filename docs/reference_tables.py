"""Writes the tables of the reference from the code: recipes, settings, commands.

Run it after one of them was added or changed: ``python docs/reference_tables.py``. A test says so
when it was forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from typer.main import get_command

from napari_synthseg.cli import app
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis import PRESETS, PasteRecipe, VQRecipe
from napari_synthseg.tasks.registry import task_info, task_names

FOLDER = Path(__file__).parent / "reference"
KINDS: dict[str, type[Recipe]] = {"paste": PasteRecipe, "vq": VQRecipe}


def recipe_tables(kind: str) -> Iterator[str]:
    """Give one table for each section of the form of a kind of recipe, in Markdown."""
    schema = KINDS[kind].model_json_schema()["properties"]
    sections: dict[str, list[str]] = {}
    for name, field in schema.items():
        if name != "kind":
            sections.setdefault(field.get("group", "Always in sight"), []).append(name)
    for title, names in sections.items():
        yield from _recipe_table(kind, title, names, schema)


def _recipe_table(kind: str, title: str, names: list[str], schema: dict[str, Any]) -> Iterator[str]:
    presets = [preset for name, preset in PRESETS.items() if name == "paper" and kind == "paste"]
    heads = ["parameter", "values", "default", *(["`paper`"] * len(presets)), "what it does"]
    yield from (f"### {title}", "", *_head(heads))
    defaults = KINDS[kind]().model_dump(mode="json")
    for name in names:
        default = _shown(defaults[name])
        others = [_shown(preset.model_dump(mode="json")[name]) for preset in presets]
        shown = [default, *("" if other == default else other for other in others)]
        yield _row(f"`{name}`", _values(schema[name]), *shown, _description(schema[name]))
    yield ""


def setting_tables(model: type[BaseModel]) -> Iterator[str]:
    """Give the table of the fields of a model, in Markdown."""
    schema = model.model_json_schema()["properties"]
    defaults = model().model_dump(mode="json")
    # not of the schema, which is made before the docstrings below the fields are read
    told = {name: info.description for name, info in model.model_fields.items()}
    described = any(told.values())
    yield from _head(["setting", "values", "default", *(["what it does"] if described else [])])
    for name, field in schema.items():
        if "$ref" not in str(field.get("allOf", field)):
            words = [" ".join((told[name] or "").split())] if described else []
            yield _row(f"`{name}`", _values(field), _shown(defaults[name]), *words)
    yield ""


def task_table() -> Iterator[str]:
    """Give the table of what is chosen where a setting is left empty, in Markdown."""
    yield from _head(["task", "what it does", "networks, the default first", "defaults"])
    for name in task_names():
        task = task_info(name)
        networks = ", ".join(f"`{network}`" for network in task.networks)
        defaults = ", ".join(f"`{key}` {value}" for key, value in task.defaults.items())
        yield _row(f"`{name}`", task.title, networks, defaults)
    yield ""


def command_tables() -> Iterator[str]:
    """Give a section for each command, with its arguments and options, in Markdown."""
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        yield from (f"## {name}", "", " ".join(command.help.split()), "")
        yield from _head(["argument or option", "default", "what it does"])
        for parameter in command.params:
            yield _row(*_parameter(parameter))
        yield ""


def _parameter(parameter: Any) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else []
    values = "" if getattr(parameter, "is_flag", False) else (parameter.metavar or "VALUE")
    if is_option and parameter.metavar is None and values:
        values = parameter.name.upper()
    shown = " ".join(part for part in (", ".join(names), values) if part)
    default = parameter.default
    if default in (None, False) or not isinstance(default, str | int | float):
        default = "needed" if parameter.required else ""
    return f"`{shown}`", f"{default}", " ".join((parameter.help or "").split())


def _head(names: list[str]) -> tuple[str, str]:
    return _row(*names), "|---" * len(names) + "|"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _shown(value: object) -> str:
    return "empty" if value in (None, "") else json.dumps(value).strip('"')


def _description(field: dict[str, Any]) -> str:
    return " ".join(field.get("description", "").split())


def _values(field: dict[str, Any]) -> str:
    """Say which values a parameter takes."""
    kinds = field.get("anyOf", [field])
    kind = kinds[0]
    if "enum" in kind:
        said = ", ".join(f"`{value}`" for value in kind["enum"])
    elif kind["type"] == "boolean":
        said = "true, false"
    elif kind["type"] == "string":
        said = "text"
    else:
        low = kind.get("minimum", kind.get("exclusiveMinimum"))
        said = f"from {low}" + (f" to {kind['maximum']}" if "maximum" in kind else "")
        said = said.replace("from", "above") if "exclusiveMinimum" in kind else said
    return said + (", or empty" if len(kinds) > 1 else "")


TABLES: dict[str, dict[str, Callable[[], Iterator[str]]]] = {
    "recipes.md": {
        f"parameters of {kind}": lambda kind=kind: recipe_tables(kind)  # type: ignore[misc]
        for kind in KINDS
    },
    "settings.md": {
        "training": lambda: setting_tables(TrainSpec),
        "network": lambda: setting_tables(ModelSpec),
        "tasks": task_table,
    },
    "options.md": {"commands": command_tables},
}
"""Page -> what stands between the comments of a name -> what gives its lines."""


def with_tables(name: str) -> str:
    """Return the text of a page with its tables made anew."""
    page = (FOLDER / name).read_text("utf-8")
    for place, lines in TABLES[name].items():
        start, end = (f"<!-- {place}: {where} -->" for where in ("start", "end"))
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        made = "\n".join(lines())
        page = f"{before}{start}\n\n{made}\n{end}{after}"
    return page


if __name__ == "__main__":
    for name in TABLES:
        (FOLDER / name).write_text(with_tables(name), "utf-8")
