"""Bringing boxes and image labels from files into a project, as truth or as clicks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import BoxTruth, Click, ImageRef, ImageTagsTruth
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import BoxFormat, ListedImage
from napari_synthseg.io.boxes.placing import PlacedBoxes, place_boxes
from napari_synthseg.io.class_tables import read_image_labels
from napari_synthseg.io.naming import ImageNames, UnknownNameError, find_class
from napari_synthseg.workflow.session import Session


@dataclass(frozen=True)
class ImportOptions:
    """What is wanted of a file's content.

    Attributes
    ----------
    rename
        Class name in the file -> name in the project.
    ignored
        Class names, as in the file, that are left out.
    skip_unknown
        Leave out images that the project lacks.
    add_classes
        Make classes that the project lacks.
    incomplete
        Class names, as in the project, of which not every object has a box.
    as_clicks
        Make clicks of the boxes, not truth.
    exhaustive
        With `as_clicks`: every object has one.
    role
        What the images are for from now on; None as they were.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()
    skip_unknown: bool = False
    add_classes: bool = False
    incomplete: Sequence[str] = ()
    as_clicks: bool = False
    exhaustive: bool = False
    role: str | None = None


def parse_renames(texts: Iterable[str]) -> dict[str, str]:
    """Return old name -> new name of ``OLD=NEW`` texts.

    Raises
    ------
    InputError
        If one is not so.
    """
    renames = {}
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise InputError(f"--rename {text}: write OLD=NEW, as in --rename leukocyte=WBC.")
        renames[old] = new
    return renames


def import_boxes(
    session: Session, path: Path, kind: BoxFormat, wishes: ImportOptions
) -> dict[str, Any]:
    """Add boxes in one step, all or nothing; return what was done, with a `message`."""
    project = session.project
    listed = kind.read(path, _sizes(session))
    if wishes.add_classes:
        project = _with_classes(project, listed, wishes)
    with _with_remedy("--rename, --ignore and --add-classes", "--skip-unknown"):
        placed = place_boxes(
            listed,
            project,
            lambda image: session.pixels(image).shape[1:],
            rename=wishes.rename,
            ignored=wishes.ignored,
            skip_unknown=wishes.skip_unknown,
        )
    if not placed.rows:
        raise InputError(
            f"{path}: none of its {len(listed)} image(s) is in the project: make the project with "
            "the images that the boxes were drawn on."
        )
    project = _with_role(project, placed.rows, wishes.role)
    result: dict[str, Any]
    if wishes.as_clicks:
        project, result = _as_clicks(project, placed, wishes.exhaustive)
    else:
        incomplete = [find_class("--incomplete", n, project.classes) for n in wishes.incomplete]
        truths = (BoxTruth.of(i, placed.boxes_of(i), incomplete) for i in placed.rows)
        project = project.with_truths(*truths)
        result = {"boxes": sum(map(len, placed.rows.values()))}
    session.edit(project, f"import {path.name}")
    rows = [row for rows in placed.rows.values() for row in rows]
    counts = Counter(project.object_class(row[4]).name for row in rows)
    result |= {
        "format": kind.name,
        "images": len(placed.rows),
        "per_class": dict(counts),
        "unknown_images": placed.unknown_images,
        "doubles": placed.doubles,
        "outside": placed.outside,
        "ignored": placed.ignored,
        "role": wishes.role,
    }
    return result | {"message": _describe(result)}


def import_image_labels(session: Session, path: Path, wishes: ImportOptions) -> dict[str, Any]:
    """Add what images show, in one step, all or nothing; return what was done."""
    before = session.project
    with _with_remedy("--rename and --ignore", "--skip-unknown"):
        shown, unknown = read_image_labels(
            path,
            before,
            rename=wishes.rename,
            ignored=wishes.ignored,
            skip_unknown=wishes.skip_unknown,
        )
    if not shown:
        raise InputError(f"{path.name}: no row of it is of an image of the project.")
    project = _with_role(before, shown, wishes.role)
    project = project.with_truths(*(ImageTagsTruth.of(i, values) for i, values in shown.items()))
    session.edit(project, f"import {path.name}")
    counts = Counter(before.object_class(v).name for values in shown.values() for v in values)
    words = ", ".join(f"{name} on {n}" for name, n in counts.items()) or "no class on any"
    return {
        "image_labels": len(shown),
        "per_class": dict(counts),
        "unknown_images": unknown,
        "role": wishes.role,
        "message": f"Image labels added to {len(shown)} image(s): {words}."
        + (f" {unknown} row(s) are of images that are not in the project." if unknown else ""),
    }


@contextmanager
def _with_remedy(classes: str, images: str) -> Iterator[None]:
    """Add to what is said of unknown names which options help."""
    try:
        yield
    except UnknownNameError as error:
        raise InputError(
            f"{error} For other classes there are {classes}, for other images {images}."
        ) from None


def _sizes(session: Session) -> Any:
    names = ImageNames(session.project.images)

    def size_of(where: str, stem: str) -> tuple[int, int]:
        try:
            image = names.find_stem(where, stem)[0]
        except InputError:
            return 1, 1  # the boxes of an unknown image are never placed
        height, width = session.pixels(image).shape[-2:]
        return height, width

    return size_of


def _with_classes(
    project: Project, listed: Sequence[ListedImage], wishes: ImportOptions
) -> Project:
    """Return the project with the classes that it lacks, as large as their usual box."""
    boxes = [b for image in listed for b in image.boxes if b.cls not in wishes.ignored]
    for name in dict.fromkeys(wishes.rename.get(b.cls, b.cls) for b in boxes):
        if name in {c.name for c in project.classes}:
            continue
        mine = [b.corners for b in boxes if wishes.rename.get(b.cls, b.cls) == name]
        size = float(np.median(np.sqrt(np.prod(Boxes.of(mine).sizes(), axis=1))))
        project = project.with_classes(project.next_class(name, diameter=round(size, 1)))
    return project


def _with_role(project: Project, images: Iterable[str], role: str | None) -> Project:
    if role is None:
        return project
    changed = [project.image(i).model_copy(update={"role": role}) for i in images]
    return project.with_images(*changed)


def _as_clicks(
    project: Project, placed: PlacedBoxes, exhaustive: bool
) -> tuple[Project, dict[str, Any]]:
    """Return the project with a click in the middle of each box on its training images."""
    known = {(c.image, c.cls, c.position) for c in project.clicks}
    images = [project.image(i) for i in placed.rows]
    training = [i for i in images if i.role == "train"]
    if not training:
        raise InputError("--as-clicks: none of these images is for training: add --role train.")
    new: list[Click] = []
    for image in training:
        boxes = placed.boxes_of(image.id)
        for position, cls in zip(boxes.centers().tolist(), boxes.classes.tolist(), strict=True):
            if (image.id, cls, tuple(position)) not in known:
                new.append(Click(image=image.id, position=tuple(position), cls=cls))
    project = project.with_clicks(*new)
    if exhaustive:
        whole: list[ImageRef] = [i.model_copy(update={"exhaustive": True}) for i in training]
        project = project.with_images(*whole)
    return project, {"clicks": len(new), "not_for_training": len(images) - len(training)}


def _describe(result: Mapping[str, Any]) -> str:
    words = ", ".join(f"{n} {name}" for name, n in result["per_class"].items()) or "none"
    if "clicks" in result:
        first = f"{result['clicks']} clicks added on {result['images']} image(s) ({words})"
    else:
        first = f"{result['boxes']} boxes added to {result['images']} image(s) ({words})"
    reasons = {
        "unknown_images": "image(s) of the file are not in the project",
        "not_for_training": "image(s) are not for training and got no clicks",
        "doubles": "box(es) were listed twice",
        "outside": "box(es) lie outside of the regions that are used",
        "ignored": "box(es) were ignored",
    }
    rest = [f"{result[key]} {words}" for key, words in reasons.items() if result.get(key)]
    return "; ".join([first, *rest]) + "."
