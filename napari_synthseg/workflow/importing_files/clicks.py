"""Importing tables of clicks, and of the points of a layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.clicks import is_points_table, read_clicks, read_points
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
    return import_clicks(project, read_clicks(path, meant, shapes_in(folder)))


def _read_points(
    path: Path, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    yield Progress(0.1, f"placing the points of {path.name}")
    clicks = read_points(
        path, project, shapes_in(folder), image=options.image, class_name=options.class_name
    )
    return import_clicks(project, clicks)


def import_clicks(project: Project, clicks: Sequence[Click]) -> Imported:
    """Return the import of clicks; those that the project has already are not added again."""
    new = new_clicks(project, clicks)
    counts = Counter(project.object_class(c.cls).name for c in new if c.cls != NOT_AN_OBJECT)
    known, on_objects = len(clicks) - len(new), counts.total()
    negatives = len(new) - on_objects
    words = [f"{on_objects} clicks added ({list_counts(counts)})"]
    words += [f"{negatives} negative clicks added"] if negatives else []
    words += [f"{known} were there already"] if known else []
    return Imported(
        clicks=new,
        figures={
            "clicks": on_objects,
            "negatives": negatives,
            "already_there": known,
            "per_class": dict(counts),
        },
        message="; ".join(words) + ".",
    )


def _is_points(file: SniffedFile) -> bool:
    return is_points_table(file.header)


def _is_clicks(file: SniffedFile) -> bool:
    return bool(file.header)  # a table of anything else is told what columns clicks have


POINTS = FileKind("points", "points", _is_points, _read_points, frozenset({"image", "class_name"}))
CLICKS = FileKind("clicks", "clicks", _is_clicks, _read_clicks, frozenset({"image"}))
