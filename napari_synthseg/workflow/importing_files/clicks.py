"""Importing tables of clicks, and of the points of a layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.points.clicks import ReadClicks, is_points_table, read_clicks, read_points
from napari_synthseg.io.points.measured_points import is_measured, read_measured
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.importing_files.kinds import (
    FileKind,
    ImportOptions,
    list_counts,
    narrowed,
    new_clicks,
    shapes_in,
)


def _read_clicks(
    path: Path, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    yield Progress(0.1, f"placing the clicks of {path.name}")
    meant = narrowed(project, options)
    found = read_clicks(path, meant, shapes_in(folder), options)
    return _imported(project, found)


def _read_points(
    path: Path, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    yield Progress(0.1, f"placing the points of {path.name}")
    named = {"image": options.image, "class_name": options.class_name, "axes": options.axes}
    clicks, told = read_points(path, project, shapes_in(folder), **named)
    return import_clicks(project, clicks, [told] if told else [])


def _read_measured(
    path: Path, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    yield Progress(0.1, f"placing the points of {path.name}")
    found = read_measured(
        path,
        project,
        shapes_in(folder),
        options,
        image=options.image,
        class_name=options.class_name,
        unit=options.unit,
    )
    return _imported(project, found)


def _imported(project: Project, found: ReadClicks) -> Imported:
    notes = list(found.notes)
    notes += [f"{found.ignored} point(s) were ignored"] if found.ignored else []
    if found.unknown_images:
        notes.append(f"{found.unknown_images} point(s) are of images that are not in the project")
    return import_clicks(project, found.clicks, notes)


def import_clicks(project: Project, clicks: Sequence[Click], notes: Sequence[str] = ()) -> Imported:
    """Return the import of clicks; those that the project has already are not added again.

    `notes` say what was decided in reading.
    """
    new = new_clicks(project, clicks)
    counts = Counter(project.object_class(c.cls).name for c in new if c.cls != NOT_AN_OBJECT)
    known, on_objects = len(clicks) - len(new), counts.total()
    negatives = len(new) - on_objects
    words = [f"{on_objects} clicks added ({list_counts(counts)})"]
    words += [f"{negatives} negative clicks added"] if negatives else []
    words += [f"{known} were there already"] if known else []
    words += notes
    return Imported(
        clicks=new,
        figures={
            "clicks": on_objects,
            "negatives": negatives,
            "already_there": known,
            "per_class": dict(counts),
            "notes": list(notes),
        },
        message="; ".join(words) + ".",
    )


def _is_points(file: SniffedFile) -> bool:
    return is_points_table(file.header)


def _is_measured(file: SniffedFile) -> bool:
    return is_measured(file.header)


def _is_clicks(file: SniffedFile) -> bool:
    return bool(file.header)  # a table of anything else is told what columns clicks have


POINTS = FileKind(
    "points", "points", _is_points, _read_points, frozenset({"image", "class_name", "axes"})
)
MEASURED = FileKind(
    "measured points",
    "measured points",
    _is_measured,
    _read_measured,
    frozenset({"image", "class_name", "unit", "rename", "ignored", "skip_unknown"}),
)
CLICKS = FileKind(
    "clicks",
    "clicks",
    _is_clicks,
    _read_clicks,
    frozenset({"image", "rename", "ignored", "skip_unknown"}),
)
