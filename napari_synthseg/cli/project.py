"""Starting a project."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.output import JsonFlag, report
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import ObjectClass, Project
from napari_synthseg.session import Session
from napari_synthseg.store.images import describe

ProjectFolder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.")]


def create_project(
    project: ProjectFolder,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Image files.")],
    classes: Annotated[
        list[str],
        typer.Option(
            "--class",
            metavar="NAME[:DIAMETER]",
            help="A class and the typical diameter of its objects in pixels; repeat for more. "
            "Class values follow the order, from 1.",
        ),
    ],
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Every object on these images gets a click.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Start a project from images and classes."""
    with_classes = _with_classes(Project(), classes)
    _check_files(images)
    with closing(Session.create(project)) as session:
        session.edit(session.project.with_classes(*with_classes.classes), "add classes")
        for path in images:
            session.add_file(path, exhaustive=exhaustive)
        made = session.project
    result = {
        "project": str(project),
        "images": [image.name for image in made.images],
        "classes": {c.name: {"value": c.value, "diameter": c.diameter} for c in made.classes},
    }
    counted = f"{len(made.images)} image(s), {len(made.classes)} class(es)"
    report(
        result,
        [
            f"New project {project}: {counted}.",
            f"Next: napari-synthseg import {project} CLICKS.csv",
        ],
        as_json,
    )


def _with_classes(project: Project, texts: list[str]) -> Project:
    for text in texts:
        name, colon, diameter = text.rpartition(":") if ":" in text else (text, "", "")
        fields = {"diameter": _diameter(text, diameter)} if colon else {}
        if not 0 < len(name) <= 64:
            raise InputError(f"--class {text}: a class name has 1 to 64 characters.")
        if len(project.classes) == 254:
            raise InputError(f"--class {text}: there can be no more than 254 classes.")
        new: ObjectClass = project.next_class(name, **fields)
        project = project.with_classes(new)
    return project


def _diameter(text: str, diameter: str) -> float:
    try:
        value = float(diameter)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise InputError(f"--class {text}: '{diameter}' is not a diameter in pixels.")
    return value


def _check_files(images: list[Path]) -> None:
    """Refuse what cannot be read before a project is made."""
    for number, path in enumerate(images):
        if path.resolve() in {other.resolve() for other in images[:number]}:
            raise InputError(f"Image '{path}' is given twice.")
        describe(path)
