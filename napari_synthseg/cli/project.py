"""Starting a project and looking at its patches."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_synthseg.cli.output import JsonFlag, report, table
from napari_synthseg.cli.progress import complete
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
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


def cut_patches(project: ProjectFolder, as_json: JsonFlag = False) -> None:
    """Cut, mask and grade a patch around each click; print counts and quality per class."""
    with closing(Session.open(project)) as session:
        library: PatchLibrary = complete(session, session.cut_patches())
        result = summarize_patches(library, session.project)
    header = ("class", "clicks", "usable", "rejected", "quality", "diameter (px)")
    rows = [(name, *values.values()) for name, values in result["per_class"].items()]
    reasons = [f"{count} patch(es): {reason}" for reason, count in result["reasons"].items()]
    report(result, [*table(header, rows), *reasons, *result["notes"]], as_json)


def summarize_patches(library: PatchLibrary, project: Project) -> dict[str, Any]:
    """Return counts, mean quality and findings of a library, ready for JSON."""
    usable = {patch.id for patch in library.usable()}
    per_class = {}
    for cls in project.classes:
        patches = [p for p in library.patches if p.cls == cls.value]
        good = [p for p in patches if p.id in usable]
        per_class[cls.name] = {
            "clicks": len(patches),
            "usable": len(good),
            "rejected": sum(p.id in library.rejected for p in patches),
            "quality": sum(p.quality for p in good) / len(good) if good else 0.0,
            "diameter": library.diameters.get(cls.value, cls.diameter),
        }
    reasons = Counter(reason for patch in library.patches for reason in patch.reasons)
    return {
        "patches": len(library.patches),
        "usable": len(usable),
        "per_class": per_class,
        "reasons": dict(reasons.most_common()),
        "notes": list(library.notes),
    }
