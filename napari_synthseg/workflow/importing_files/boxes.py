"""Importing boxes of any format, as truth or as clicks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import BoxTruth, Click, ImageRef
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import BoxFormat, ListedImage
from napari_synthseg.io.boxes.placing import PlacedBoxes, place_boxes
from napari_synthseg.io.naming import ImageNames, find_class
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
    with_role,
)

LEFT_OUT = {
    "unknown_images": "image(s) of the file are not in the project",
    "not_for_training": "image(s) are not for training and got no clicks",
    "doubles": "box(es) were listed twice",
    "outside": "box(es) lie outside of the regions that are used",
    "ignored": "box(es) were ignored",
}
"""Figure -> what it counts, for people."""

BOX_OPTIONS = NAMING_OPTIONS | {"as_clicks", "exhaustive", "add_classes", "incomplete"}


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
    names, shape_of = ImageNames(project.images), shapes_in(folder)

    def size_of(where: str, stem: str) -> tuple[int, int]:
        try:
            height, width = shape_of(names.find_stem(where, stem)[0])[-2:]
        except InputError:
            return 1, 1  # the boxes of an unknown image are never placed
        return height, width

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
    placed = place_boxes(listed, project, shape_of, **options.naming)
    if not placed.rows:
        raise InputError(
            f"{path}: none of its {len(listed)} image(s) is in the project: make the project with "
            "the images that the boxes were drawn on."
        )
    images = with_role(map(project.image, placed.rows), options.role)
    rows = [row for rows in placed.rows.values() for row in rows]
    counts = Counter(project.object_class(row[4]).name for row in rows)
    truths: tuple[BoxTruth, ...] = ()
    clicks: tuple[Click, ...] = ()
    figures: dict[str, Any]
    if options.as_clicks:
        what = "clicks added on"
        now = map(project.with_images(*images).image, placed.rows)
        training = [image for image in now if image.role == "train"]
        if not training:
            raise InputError("--as-clicks: none of these images is for training: add --role train.")
        clicks = new_clicks(project, _middles(training, placed))
        if options.exhaustive:
            whole = {i.id: i.model_copy(update={"exhaustive": True}) for i in training}
            images = tuple(({i.id: i for i in images} | whole).values())
        count = len(clicks)
        figures = {"clicks": count, "not_for_training": len(placed.rows) - len(training)}
    else:
        what = "boxes added to"
        incomplete = [find_class("--incomplete", n, project.classes) for n in options.incomplete]
        truths = tuple(BoxTruth.of(i, placed.boxes_of(i), incomplete) for i in placed.rows)
        count = len(rows)
        figures = {"boxes": count}
    figures |= {
        "format": format_name,
        "images": len(placed.rows),
        "per_class": dict(counts),
        "unknown_images": placed.unknown_images,
        "doubles": placed.duplicates,
        "outside": placed.outside,
        "ignored": placed.ignored,
        "role": options.role,
    }
    words = [f"{count} {what} {len(placed.rows)} image(s) ({list_counts(counts)})"]
    words += [f"{figures[key]} {why}" for key, why in LEFT_OUT.items() if figures.get(key)]
    made = tuple(c for c in project.classes if c not in classes)
    return Imported(images, made, clicks, truths, figures=figures, message="; ".join(words) + ".")


def _with_classes(
    project: Project, listed: Sequence[ListedImage], options: ImportOptions
) -> Project:
    """Return the project with the classes that it lacks, as large as their usual box."""
    boxes = [b for image in listed for b in image.boxes if b.cls not in options.ignored]
    for name in dict.fromkeys(options.rename.get(b.cls, b.cls) for b in boxes):
        if name in {c.name for c in project.classes}:
            continue
        mine = [b.corners for b in boxes if options.rename.get(b.cls, b.cls) == name]
        size = float(np.median(np.sqrt(np.prod(Boxes.of(mine).sizes(), axis=1))))
        project = project.with_classes(project.next_class(name, diameter=round(size, 1)))
    return project


def _middles(images: Iterable[ImageRef], placed: PlacedBoxes) -> Iterator[Click]:
    """Yield a click in the middle of each box."""
    for image in images:
        boxes = placed.boxes_of(image.id)
        for center, cls in zip(boxes.centers().tolist(), boxes.classes.tolist(), strict=True):
            yield Click(image=image.id, position=tuple(center), cls=cls)
