"""Cutting patches, and what the check says about them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from napari_synthseg.cli.console import report, run_job, table
from napari_synthseg.cli.settings import JsonFlag, OverwriteFlag, ProjectFolder
from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import IssueKind, PatchLibrary
from napari_synthseg.core.project import Project
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.patches.masks.registry import NETWORK, mask_method
from napari_synthseg.patches.quality.summary import ClassSummary, summarize_classes
from napari_synthseg.storage.uris import named_files
from napari_synthseg.workflow.exporting.patches import (
    list_patches,
    outline_files,
    write_outlines,
    write_patch_table,
)
from napari_synthseg.workflow.session import Session

LEGEND = (
    "usable: outlined and not rejected, so that it is learned from; quality is their mean, 0 to 1",
    "good: nothing is against it, or you accepted it",
    "suspicious: used, but have a look (marked ! in the window)",
    "doubtful: used where it has an outline, but the window suggests to reject it",
    "rejected: by you, in the window",
)
"""What the columns of the table mean."""


def cut_patches(
    project: ProjectFolder,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]METHOD",
            help=f"How objects are outlined: {NETWORK.name}, or as a plugin does. Kept.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write a table with a row for each patch."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the outlines as label images, STEM.tif."),
    ] = None,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Cut, mask and check a patch around each click; print counts and issues per class."""
    with Session.open(project).result() as session:
        inputs = named_files(session.project, session.folder)
        refuse_existing([out] if out else [], overwrite, inputs)
        files = outline_files(labels, session.project) if labels else ()
        refuse_existing([file.path for file in files], overwrite, inputs, "--labels")
        if method:
            classes = _with_methods(session.project.classes, method)
            session.edit(session.project.with_classes(*classes), "choose mask methods")
        library = run_job(session.cut_patches())
        current = session.project
        written = write_outlines(files, library, session.folder) if labels else None
    if out is not None:
        write_patch_table(out, library, current)
    summaries = summarize_classes(library, current.classes)
    found = [*_issue_lines(summaries), *_reason_lines(library)]
    lines = [*_class_table(library, summaries), "", *LEGEND, "", *found, *library.notes]
    result = _as_json(library, summaries, current) if as_json else {}
    if written is not None:
        result["labels"] = written.figures
        lines.append(written.message)
    report(result, lines, as_json)


def _with_methods(classes: tuple[ObjectClass, ...], wishes: list[str]) -> list[ObjectClass]:
    """Return the classes with the wished mask methods."""
    chosen = {c.name: c for c in classes}
    for wish in wishes:
        name, equals, method = wish.rpartition("=")
        mask_method(method)
        if equals and name not in chosen:
            raise InputError(f"--method {wish}: there is no class '{name}' in this project.")
        for cls in [chosen[name]] if equals else list(chosen.values()):
            chosen[cls.name] = cls.model_copy(update={"mask_method": method})
    return list(chosen.values())


def _class_table(library: PatchLibrary, summaries: tuple[ClassSummary, ...]) -> list[str]:
    header = (
        "class", "clicks", "usable", "good", "suspicious", "doubtful", "rejected", "quality",
        "diameter (px)",
    )  # fmt: skip
    rows = []
    for item in summaries:
        known = _class_figures(library, item)
        shown = ("clicks", "usable", "good", "suspicious", "doubtful", "rejected", "quality")
        diameter = f"{known['diameter']:.1f}".removesuffix(".0")
        rows.append((item.cls.name, *(known[key] for key in shown), diameter))
    return table(header, rows)


def _class_figures(library: PatchLibrary, item: ClassSummary) -> dict[str, Any]:
    """Return the figures of one class; `quality` is the mean over its usable patches."""
    usable = [p for p in library.usable() if p.cls == item.cls.value]
    measured = library.measured.get(item.cls.value)
    return {
        "clicks": item.patches,
        "usable": len(usable),
        "good": item.good,
        "suspicious": item.states["suspicious"],
        "doubtful": item.states["doubtful"],
        "accepted": item.states["accepted"],
        "rejected": item.states["rejected"],
        "quality": sum(p.quality for p in usable) / len(usable) if usable else 0.0,
        "diameter": library.diameters[item.cls.value],
        "measured": asdict(measured) if measured else None,
        "findings": dict(item.issues),
    }


def _issue_lines(summaries: tuple[ClassSummary, ...]) -> list[str]:
    return [
        f"{item.cls.name}: " + ", ".join(f"{n} {kind}" for kind, n in item.issues.items())
        for item in summaries
        if item.issues
    ]


def _reason_lines(library: PatchLibrary) -> list[str]:
    """Say what each kind of issue means, in the words of the first patch that has it."""
    issues = (issue for patch in reversed(library.patches) for issue in patch.issues)
    reasons = {issue.kind: issue.reason for issue in issues}
    return [f"  {kind}: {reasons[kind]}" for kind in get_args(IssueKind) if kind in reasons]


def _as_json(
    library: PatchLibrary, summaries: tuple[ClassSummary, ...], project: Project
) -> dict[str, Any]:
    kinds = Counter(f.kind for patch in library.patches for f in patch.issues)
    return {
        "patches": len(library.patches),
        "usable": len(library.usable()),
        "per_class": {item.cls.name: _class_figures(library, item) for item in summaries},
        "findings": dict(kinds.most_common()),
        "methods": dict(Counter(p.method for p in library.patches)),
        "notes": list(library.notes),
        "each": list(list_patches(library, project)),
    }
