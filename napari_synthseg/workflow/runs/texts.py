"""A run's settings as a command line, and as Python: texts that train the same way again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.workflow.choosing import suitable_spec

OPTIONS = ("source", "real_fraction", "minutes", "steps", "seed", "start")
"""Fields of a spec that `napari-synthseg train` takes as options of their own."""

INDENT = " \\\n    "


def command_line(run: TrainingRun, project: Project, folder: Path) -> str:
    """Return the command that trains as a run was trained, on what the project holds by then.

    Settings that are those of a new project, and of this one, are left out.
    """
    parts = [shlex.join(["napari-synthseg", "train", str(folder), "--task", run.spec.task])]
    settings = dict(_chosen(run.spec, project))
    if run.spec.steps is not None:
        settings.pop("minutes", None)
        settings["steps"] = run.spec.steps
    elif run.spec.minutes is not None:
        settings.pop("steps", None)
        settings["minutes"] = run.spec.minutes
    given = {name: settings.pop(name) for name in OPTIONS if settings.get(name) is not None}
    parts += [shlex.join([f"--{n.replace('_', '-')}", _text(v)]) for n, v in given.items()]
    if run.recipe and run.spec.source != "real":
        parts.append(shlex.join(["--recipe", str(run.recipe["kind"])]))
        settings |= {f"recipe.{k}": v for k, v in run.recipe.items() if k != "kind"}
    parts += [shlex.join(["--set", f"{name}={_text(v)}"]) for name, v in settings.items()]
    return INDENT.join(parts)


def python_code(run: TrainingRun, folder: Path) -> str:
    """Return the script that trains as a run was trained, on what the project holds by then."""
    spec = run.spec.model_dump(exclude_defaults=True)
    lines = [
        f'"""Trains as {run.name!r} was trained."""'.replace("\\", "\\\\"),
        "",
        "from napari_synthseg import TrainSpec, open_project",
        "from napari_synthseg.core.recipe import load_recipe",
        "",
        f"spec = TrainSpec.model_validate({_literal(spec)})",
        f"recipe = load_recipe({_literal(run.recipe)})",
        f"with open_project({str(folder)!r}) as session:",
        '    new = session.project.model_copy(update={"recipe": recipe})',
        '    session.edit(new, "choose the recipe")',
        "    run = session.train(spec).result()",
        "    print(run.name, run.selection)",
    ]
    if not run.recipe:
        lines = [line for line in lines if "recipe" not in line]
    return "\n".join(lines) + "\n"


def settings_text(run: TrainingRun) -> str:
    """Return all settings of a run, a line each, those of its recipe below."""
    parts = [("", _flat(run.spec.model_dump())), ("recipe.", _flat(run.recipe))]
    lines = [f"{prefix}{name} = {value}" for prefix, part in parts for name, value in part]
    versions = [f"{package} {number}" for package, number in run.versions.items()]
    return "\n".join((*lines, *versions))


def _chosen(spec: TrainSpec, project: Project) -> Iterator[tuple[str, Any]]:
    """Yield the fields in which a spec differs from a new one, or from those of the project."""
    others = [TrainSpec(), project.train_spec, suitable_spec(project, False)]
    known = [dict(_flat(other.model_dump())) for other in others]
    for name, value in _flat(spec.model_dump()):
        if name != "task" and any(other[name] != value for other in known):
            yield name, value


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _text(value: Any) -> str:
    """Return a value as the command line reads it: as JSON, or as it is where it is none."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return json.dumps(value) if value.lower() == "none" else value
    return json.dumps(value)


def _literal(fields: Mapping[str, Any]) -> str:
    text = pformat(dict(fields), sort_dicts=False, width=92)
    return text if "\n" not in text else text.replace("\n", "\n    ")
