"""Importing boxes of any format, as truth or as clicks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import BoxTruth, Click, ImageRef
from napari_synthseg.core.boxes import Boxes, Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import BoxFormat, ListedBox, ListedImage
from napari_synthseg.io.boxes.placing import PlacedBoxes, place_boxes
from napari_synthseg.io.naming import find_class
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.importing_files.kinds import (
    NAMING_OPTIONS,
    FileKind,
    ImportOptions,
    list_counts,
    narrowed,
    new_clicks,
    shapes_in,
    sizes_in,
    with_missing_classes,
    with_role,
)
from napari_synthseg.workflow.importing_files.planes import boxes_of_planes

LEFT_OUT = {
    "unknown_images": "image(s) of the file are not in the project",
    "not_for_training": "image(s) are not for training and got no clicks",
    "doubles": "box(es) were listed twice",
    "outside": "box(es) lie outside of the regions that are used",
    "ignored": "box(es) were ignored",
    "flat": "box(es) without an area were left out: an object may be missed where they are",
    "crowds": "region(s) are marked as crowds of objects and were left out: where they are, not "
    "every object has a box",
}
"""Figure -> what it counts, for people."""

BOX_OPTIONS = NAMING_OPTIONS | {
    "as_clicks", "exhaustive", "add_classes", "incomplete", "first_plane",
}  # fmt: skip


def box_kind(box_format: BoxFormat) -> FileKind:
    """Return the kind of files of a format of boxes."""

    def recognizes(file: SniffedFile) -> bool:
        return box_format.recognizes(file.path)

    def read(
        path: Path, project: Project, folder: Path, options: ImportOptions
    ) -> Generator[Progress, None, Imported]:
        yield Progress(0.1, f"reading {path.name}")
        return _import_boxes(path, box_format, project, folder, options)

    return FileKind(box_format.name, "boxes", recognizes, read, BOX_OPTIONS)


def _import_boxes(
    path: Path, kind: BoxFormat, project: Project, folder: Path, options: ImportOptions
) -> Imported:
    project = narrowed(project, options)
    size_of = sizes_in(project, folder)
    return import_listed(path, kind.read(path, size_of), kind.name, project, folder, options)


def import_listed(
    path: Path,
    listed: Sequence[ListedImage],
    format_name: str,
    project: Project,
    folder: Path,
    options: ImportOptions,
) -> Imported:
    """Import the boxes that a file lists, whatever its format."""
    shape_of = shapes_in(folder)
    classes = project.classes
    if options.add_classes:
        project = _with_classes(project, listed, options)
    listed, notes = boxes_of_planes(listed, project, folder, options)
    placed = place_boxes(listed, project, shape_of, options)
    placed.notes += notes
    if not placed.images:
        raise InputError(_why_nothing(path, listed, placed))
    images = with_role(map(project.image, placed.images), options.role)
    rows = [row for rows in placed.rows.values() for row in rows]
    values = [row[4] for row in rows]
    truths: tuple[BoxTruth, ...] = ()
    figures: dict[str, Any] = {}
    words: list[str] = []
    to_click = placed.images if options.as_clicks else list(placed.points)
    clicks: tuple[Click, ...] = ()
    if to_click:
        now = map(project.with_images(*images).image, to_click)
        training = [image for image in now if image.role == "train"]
        if not training:
            raise InputError(
                f"{path.name}: its objects become clicks, but none of these images is for "
                "training: add --role train."
            )
        clicks = new_clicks(project, _middles(training, placed, options.as_clicks))
        if options.as_clicks and options.exhaustive:
            whole = {
                i.id: i.model_copy(update={"exhaustive": True})
                for i in training
                if i.id not in placed.crowds
            }
            images = tuple(({i.id: i for i in images} | whole).values())
        clicked = Counter(project.object_class(c.cls).name for c in clicks)
        figures["clicks"] = len(clicks)
        figures["not_for_training"] = len(to_click) - len(training)
        words.append(
            f"{len(clicks)} clicks added on {len(to_click)} image(s) ({list_counts(clicked)})"
        )
    if not options.as_clicks:
        incomplete = {find_class("--incomplete", n, project.classes) for n in options.incomplete}
        truths = tuple(
            BoxTruth.of(i, placed.boxes_of(i), incomplete | placed.crowds.get(i, set()))
            for i in placed.rows
        )
        figures["boxes"] = len(rows)
        counts = Counter(project.object_class(value).name for value in values)
        if placed.rows:
            words.insert(
                0, f"{len(rows)} boxes added to {len(placed.rows)} image(s) ({list_counts(counts)})"
            )
    every = [*values, *(cls for some in placed.points.values() for _, cls in some)]
    figures |= {
        "format": format_name,
        "images": len(placed.images),
        "per_class": dict(Counter(project.object_class(value).name for value in every)),
        "unknown_images": placed.unknown_images,
        "doubles": placed.duplicates,
        "outside": placed.outside,
        "ignored": placed.ignored,
        "crowds": placed.crowd_count,
        "flat": placed.flat,
        "empty": sum(not rows for rows in placed.rows.values()),
        "notes": placed.notes,
        "role": options.role,
    }
    if figures["empty"] and not options.as_clicks:
        words.append(f"{figures['empty']} image(s) are said to show no object")
    words += [f"{figures[key]} {why}" for key, why in LEFT_OUT.items() if figures.get(key)]
    only_crowds = len(placed.crowds.keys() - set(placed.images))
    words += [f"{only_crowds} image(s) with nothing but these got no boxes"] if only_crowds else []
    words += placed.notes
    made = tuple(c for c in project.classes if c not in classes)
    return Imported(images, made, clicks, truths, figures=figures, message="; ".join(words) + ".")


def _why_nothing(path: Path, listed: Sequence[ListedImage], placed: PlacedBoxes) -> str:
    if placed.flat and not placed.crowd_count:
        return (
            f"{path.name}: all its {placed.flat} box(es) have no area: draw them, or give clicks "
            "as a table image,class,y,x."
        )
    if placed.crowds:
        return (
            f"{path.name}: all its {placed.crowd_count} object(s) are marked as crowds, which are "
            'groups without a box for each object. If each is one object, write "iscrowd": 0 for '
            "each in the file."
        )
    return (
        f"{path}: none of its {len(listed)} image(s) is in the project: make the project with "
        "the images that the boxes were drawn on."
    )


def _with_classes(
    project: Project, listed: Sequence[ListedImage], options: ImportOptions
) -> Project:
    """Return the project with the classes that it lacks, as large as their usual box."""
    sizes: dict[str, list[Corners]] = {}
    for image in listed:
        for thing in image.objects:
            if thing.cls not in options.ignored:
                mine = sizes.setdefault(options.renamed(thing.cls), [])
                mine += [thing.corners] if isinstance(thing, ListedBox) and thing.has_area else []
        for cls in image.crowds:
            if cls not in options.ignored:
                sizes.setdefault(options.renamed(cls), [])
    edges = {
        name: np.sqrt(np.prod(Boxes.of(corners).sizes(), axis=1)).tolist() if corners else []
        for name, corners in sizes.items()
    }
    return with_missing_classes(project, edges)


def _middles(images: Iterable[ImageRef], placed: PlacedBoxes, with_boxes: bool) -> Iterator[Click]:
    """Yield a click at each point and, on request, in the middle of each box."""
    for image in images:
        boxes = placed.boxes_of(image.id) if with_boxes else Boxes.of([])
        for center, cls in zip(boxes.centers().tolist(), boxes.classes.tolist(), strict=True):
            yield Click(image=image.id, position=tuple(center), cls=cls)
        for at, cls in placed.points.get(image.id, ()):
            yield Click(image=image.id, position=at, cls=cls)
