"""Taking over what others' files say of a project's images: clicks, boxes, image labels, masks.

Everything in a file or folder is taken, or, if something is wrong with it, nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import (
    NOT_AN_OBJECT,
    BoxTruth,
    Click,
    ImageRef,
    ImageTagsTruth,
    Role,
)
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes import box_format, find_box_format
from napari_synthseg.io.boxes.base import BoxFormat, ListedImage
from napari_synthseg.io.boxes.placing import PlacedBoxes, place_boxes
from napari_synthseg.io.class_tables import read_image_labels
from napari_synthseg.io.clicks import is_points_table, read_clicks, read_points
from napari_synthseg.io.naming import ImageNames, find_class
from napari_synthseg.io.result_files import by_stem
from napari_synthseg.io.tables import read_header
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.importing import Imported, MaskKind, read_masks

LEFT_OUT = {
    "unknown_images": "image(s) of the file are not in the project",
    "not_for_training": "image(s) are not for training and got no clicks",
    "doubles": "box(es) were listed twice",
    "outside": "box(es) lie outside of the regions that are used",
    "ignored": "box(es) were ignored",
}
"""Figure -> what it counts, for people."""


@dataclass(frozen=True)
class ImportOptions:
    """What is taken of a file's content, and how.

    Attributes
    ----------
    image, class_name
        Image of the points of a points layer; class of objects whose file names none.
    rename
        Class name in the file -> name in the project.
    ignored
        Class names, as in the file, that are left out.
    skip_unknown
        Leave out images that the project lacks.
    add_classes
        Make classes that the project lacks, as large as their usual box.
    incomplete
        Class names, as in the project, of which not every object has a box.
    as_clicks
        Make clicks of the boxes, not truth.
    exhaustive
        With `as_clicks`: every object has one.
    role
        What the images are for from now on; None as they were.
    """

    image: str | None = None
    class_name: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()
    skip_unknown: bool = False
    add_classes: bool = False
    incomplete: Sequence[str] = ()
    as_clicks: bool = False
    exhaustive: bool = False
    role: Role | None = None

    @property
    def naming(self) -> dict[str, Any]:
        """How names in the file are understood: arguments of readers."""
        return {name: getattr(self, name) for name in ("rename", "ignored", "skip_unknown")}


def file_kind(path: Path) -> str:
    """Return what a file holds: "clicks", "points", "image labels", or a format of boxes.

    Raises
    ------
    InputError
        If there is no such file, or a folder holds no boxes.
    """
    boxes = find_box_format(path)
    if boxes is not None:
        return boxes.name
    if path.is_dir():
        raise InputError(
            f"{path} holds neither XML files (Pascal VOC) nor text files (YOLO): choose the folder "
            "with the boxes."
        )
    header = read_header(path)
    if is_points_table(header):
        return "points"
    return "image labels" if set(header) == {"image", "class"} else "clicks"


def import_file(
    path: Path, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    """Read clicks, boxes or image labels; `Imported.figures` say what was taken and left out.

    Raises
    ------
    InputError
        At the first row that cannot be taken; an `UnknownNameError` for a name that the project
        does not have.
    """
    yield Progress(0.0, f"reading {path.name}")
    kind = file_kind(path)
    if kind in ("clicks", "points"):
        return _import_clicks(path, kind, project, folder, options)
    if kind == "image labels":
        return _import_image_labels(path, project, options)
    return _import_boxes(path, box_format(kind), project, folder, options)


def import_masks(
    masks: Path, kind: MaskKind, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    """Read the label images of a folder that are named as images of the project.

    Raises
    ------
    InputError
        If none is, one does not fit, or the class is not there.
    """
    by_patches = kind == "patch_masks"
    if by_patches and not project.classes:
        raise InputError("The project has no class yet: add one first.")
    named = options.class_name
    cls = project.class_named(named) if named else next(iter(project.classes), None)
    images = [i for i in project.images if i.role == "train" or not by_patches]
    matched, unused = _match(images, masks)
    made: list[Imported] = []
    for number, (image, path) in enumerate(matched):
        work = read_masks(image, path, kind, project, folder, cls.value if cls else 1)
        part = number / len(matched), (number + 1) / len(matched)
        made.append((yield from subprogress(work, *part)))
    clicks = tuple(click for each in made for click in each.clicks)
    figures: dict[str, Any] = {"masks": len(matched), "unused": unused}
    if by_patches:
        figures["clicks"] = len(clicks)
        message = (
            f"Patches of {len(matched)} image(s) are cut by these masks; {len(clicks)} object(s) "
            "without a click got one"
        )
    else:
        figures |= {"kind": kind, "role": options.role}
        message = f"True masks added to {len(matched)} image(s)"
    rest = f"; {unused} file(s) belong to no image." if unused else "."
    return Imported(
        images=_with_role((image for image, _ in matched), options.role),
        clicks=clicks,
        truths=tuple(truth for each in made for truth in each.truths),
        patch_masks=tuple(masks for each in made for masks in each.patch_masks),
        figures=figures,
        message=message + rest,
    )


def _match(images: Sequence[ImageRef], folder: Path) -> tuple[list[tuple[ImageRef, Path]], int]:
    """Return images with the files of their stems, and how many files belong to none."""
    files = by_stem(folder)
    matched = [(i, files[Path(i.name).stem]) for i in images if Path(i.name).stem in files]
    if not matched:
        stems = ", ".join(sorted({Path(i.name).stem for i in images})[:3]) or "none"
        raise InputError(
            f"No file in {folder} is named as an image of the project (such as {stems}): a mask "
            "has the name of its image, with any image extension."
        )
    return matched, len(files) - len({path for _, path in matched})


def _import_clicks(
    path: Path, kind: str, project: Project, folder: Path, options: ImportOptions
) -> Imported:
    def shape_of(image: ImageRef) -> tuple[int, ...]:
        return open_pixels(image, folder).shape[1:]

    if kind == "points":
        clicks = read_points(
            path, project, shape_of, image=options.image, class_name=options.class_name
        )
    else:
        clicks = read_clicks(path, project, shape_of)
    new = _new_clicks(project, clicks)
    counts = Counter(project.object_class(c.cls).name for c in new if c.cls != NOT_AN_OBJECT)
    known, on_objects = len(clicks) - len(new), counts.total()
    negatives = len(new) - on_objects
    words = [f"{on_objects} clicks added ({_listed(counts)})"]
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


def _import_image_labels(path: Path, project: Project, options: ImportOptions) -> Imported:
    shown, unknown = read_image_labels(path, project, **options.naming)
    if not shown:
        raise InputError(f"{path.name}: no row of it is of an image of the project.")
    counts = Counter(project.object_class(v).name for values in shown.values() for v in values)
    words = ", ".join(f"{name} on {n}" for name, n in counts.items()) or "no class on any"
    return Imported(
        images=_with_role(map(project.image, shown), options.role),
        truths=tuple(ImageTagsTruth.of(image, values) for image, values in shown.items()),
        figures={
            "image_labels": len(shown),
            "per_class": dict(counts),
            "unknown_images": unknown,
            "role": options.role,
        },
        message=f"Image labels added to {len(shown)} image(s): {words}."
        + (f" {unknown} row(s) are of images that are not in the project." if unknown else ""),
    )


def _import_boxes(
    path: Path, kind: BoxFormat, project: Project, folder: Path, options: ImportOptions
) -> Imported:
    names = ImageNames(project.images)

    def shape_of(image: ImageRef) -> tuple[int, ...]:
        return open_pixels(image, folder).shape[1:]

    def size_of(where: str, stem: str) -> tuple[int, int]:
        try:
            height, width = shape_of(names.find_stem(where, stem)[0])[-2:]
        except InputError:
            return 1, 1  # the boxes of an unknown image are never placed
        return height, width

    listed = kind.read(path, size_of)
    classes = project.classes
    if options.add_classes:
        project = _with_classes(project, listed, options)
    placed = place_boxes(listed, project, shape_of, **options.naming)
    if not placed.rows:
        raise InputError(
            f"{path}: none of its {len(listed)} image(s) is in the project: make the project with "
            "the images that the boxes were drawn on."
        )
    images = _with_role(map(project.image, placed.rows), options.role)
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
        clicks = _new_clicks(project, _middles(training, placed))
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
        "format": kind.name,
        "images": len(placed.rows),
        "per_class": dict(counts),
        "unknown_images": placed.unknown_images,
        "doubles": placed.duplicates,
        "outside": placed.outside,
        "ignored": placed.ignored,
        "role": options.role,
    }
    words = [f"{count} {what} {len(placed.rows)} image(s) ({_listed(counts)})"]
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


def _new_clicks(project: Project, clicks: Iterable[Click]) -> tuple[Click, ...]:
    """Return the clicks that the project does not have yet."""
    known = {(c.image, c.cls, c.position) for c in (*project.clicks, *project.negatives)}
    return tuple(c for c in clicks if (c.image, c.cls, c.position) not in known)


def _with_role(images: Iterable[ImageRef], role: Role | None) -> tuple[ImageRef, ...]:
    """Return the images that change where they are given a role."""
    return tuple(i.model_copy(update={"role": role}) for i in images) if role else ()


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
