"""Importing outlines and points of any format: as true masks, as masks to cut by, or as clicks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_synthseg.core.annotations import Click, ImageRef, InstanceTruth, PatchMasks, Truth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import KeyPoint, ListedBox, ListedImage
from napari_synthseg.io.naming import (
    ImageNames,
    UnknownNameError,
    find_class,
    plane_name,
    tell_renamed,
)
from napari_synthseg.io.outlines import find_outline_format, read_outlines
from napari_synthseg.io.outlines.base import (
    OUTLINE_FORMATS,
    ListedOutline,
    ListedPoint,
    OutlinedImage,
    OutlineFormat,
)
from napari_synthseg.io.outlines.on_images.drawing import draw_outlines, draw_planes
from napari_synthseg.io.outlines.on_images.placing import (
    OutlineNaming,
    PlacedArea,
    PlacedOutlines,
    place_outlines,
    refs_on_plane,
    with_name,
    with_planes,
)
from napari_synthseg.io.plane_names import StackOf
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.workflow.importing import Imported, MaskKind, read_masks
from napari_synthseg.workflow.importing_files.boxes import BOX_OPTIONS, import_listed
from napari_synthseg.workflow.importing_files.kinds import (
    FileKind,
    ImportOptions,
    list_counts,
    narrowed,
    new_clicks,
    shapes_in,
    sizes_in,
    stacks_in,
    with_missing_classes,
    with_role,
)
from napari_synthseg.workflow.importing_files.planes import outlines_of_planes

Use = MaskKind | Literal["clicks"]
"""What outlines become."""

WORDS = {
    "instance": "outlines became true masks of",
    "semantic": "outlines became true regions of",
    "patch_masks": "outlines became masks that patches are cut by, of",
    "clicks": "outlines were clicked on",
}

UNLISTED = {
    "instance": "do not count as complete",
    "semantic": "count as background",
    "patch_masks": "got none",
    "clicks": "got none",
}
"""What planes of a volume become that a file does not list."""

LEFT_OUT = {
    "empty": "image(s) are said to show no object",
    "unknown_images": "image(s) of the file are not in the project",
    "not_for_training": "image(s) are not for training and got nothing of their outlines",
    "unseen_images": "image(s) hold nothing that can be taken over",
    "outside": "object(s) lie outside of the regions that are used",
    "ignored": "object(s) were ignored",
    "cut": "outline(s) reach beyond their image and were cut",
    "overlapped": "outline(s) are partly under smaller ones",
    "lost": "outline(s) hold no pixel, or lie wholly under smaller ones, and were left out",
}
"""Figure -> what it counts, for people."""


def outline_kinds(masks: MaskKind | None = None) -> Iterator[FileKind]:
    """Yield the kinds of files of outlines; `masks` says what these become, true masks if None.

    What a box format reads, too, is of no such kind unless masks are asked for.
    """
    find = cache(find_outline_format)  # a file is looked into once
    for outline_format in OUTLINE_FORMATS.values():
        if masks is not None or not outline_format.has_boxes:
            yield _kind(outline_format, masks, find)


def _kind(
    outline_format: OutlineFormat,
    masks: MaskKind | None,
    find: Callable[[SniffedFile], OutlineFormat | None],
) -> FileKind:
    def recognizes(file: SniffedFile) -> bool:
        return find(file) is outline_format

    def read(
        path: Path, project: Project, folder: Path, options: ImportOptions
    ) -> Generator[Progress, None, Imported]:
        yield Progress(0.1, f"reading {path.name}")
        work = _import_outlines(path, outline_format, masks, project, folder, options)
        return (yield from work)

    fields = BOX_OPTIONS | {"class_name"} | ({"split"} if masks else set())
    return FileKind(outline_format.name, "outlines", recognizes, read, fields)


def _import_outlines(
    path: Path,
    kind: OutlineFormat,
    masks: MaskKind | None,
    project: Project,
    folder: Path,
    options: ImportOptions,
) -> Generator[Progress, None, Imported]:
    known = project.classes
    project = narrowed(project, options)
    shape_of, stack_of = shapes_in(folder), stacks_in(folder)
    size_of = sizes_in(project, folder)
    of_planes = outlines_of_planes(
        list(read_outlines(path, size_of, kind)), project, folder, options
    )
    listed = of_planes.listed
    naming = OutlineNaming(
        rename=options.rename,
        ignored=options.ignored,
        skip_unknown=options.skip_unknown,
        class_name=options.class_name,
        is_told=options.image is not None,
    )
    if masks is None and _are_boxes(listed):
        boxes, options = _listed_as_boxes(listed, project, stack_of, naming, options)
        return import_listed(path, boxes, kind.name, project, folder, options)
    if options.add_classes:
        project = _with_classes(project, listed, naming)
    placed = place_outlines(listed, project, shape_of, stack_of, naming)
    if not placed.images:
        raise InputError(_why_nothing(path, listed, placed))
    for missing in of_planes.missing:
        placed.incomplete[missing] |= {c.value for c in project.classes}
    images = with_role(map(project.image, placed.images), options.role)
    project = project.with_images(*images) if images else project
    use: Use = "clicks" if options.as_clicks else masks or "instance"
    made = yield from _make_masks(placed, use, project, folder, options)
    if options.as_clicks and options.exhaustive:
        whole = [i for i in made.used if not placed.incomplete.get(i.id)]
        marked = {i.id: i.model_copy(update={"exhaustive": True}) for i in whole}
        images = tuple(({i.id: i for i in images} | marked).values())
    clicks = new_clicks(project, (*placed.clicks, *made.clicks))
    figures, words = _report(placed, made, use, clicks, project)
    words += of_planes.notes
    words += [
        f"{count} plane(s) of '{project.image(i).name}' are not among them and {UNLISTED[use]}"
        for i, count in of_planes.missing.items()
    ]
    return Imported(
        images=images,
        classes=tuple(c for c in project.classes if c not in known),
        clicks=clicks,
        truths=tuple(made.truths),
        patch_masks=tuple(made.patch_masks),
        figures={"format": kind.name, **figures, "role": options.role},
        message="; ".join(words) + ".",
    )


@dataclass
class _Made:
    """What outlines became, and how many of each class value."""

    used: list[ImageRef] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    patch_masks: list[PatchMasks] = field(default_factory=list)
    clicks: list[Click] = field(default_factory=list)
    objects: Counter[int] = field(default_factory=Counter)
    overlapped: int = 0
    lost: int = 0
    not_for_training: int = 0
    on_planes: int = 0


def _make_masks(
    placed: PlacedOutlines, use: Use, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, _Made]:
    """Draw the outlines of each image, and make of them what they are to become."""
    made = _Made()
    images = [project.image(i) for i in dict.fromkeys((*placed.areas, *placed.ids))]
    if use in ("patch_masks", "clicks"):
        training = [image for image in images if image.role == "train"]
        made.not_for_training = len(images) - len(training)
        images = [i for i in training if placed.areas.get(i.id) or i.id in placed.ids]
        if not images and not placed.clicks:
            raise InputError(
                "Patches and clicks are of training images, and none of these has outlines and is "
                "for training: add --role train, or import them as true masks by --instance."
            )
    named = options.class_name
    first = find_class("--class", named, project.classes) if named else None
    incomplete = {find_class("--incomplete", n, project.classes) for n in options.incomplete}
    for number, image in enumerate(images):
        start, stop = (0.2 + 0.8 * n / len(images) for n in (number, number + 1))
        middle = (start + stop) / 2
        labels = yield from subprogress(
            _labels_of(image, placed, first, project, folder, made), start, middle
        )
        made.used.append(image)
        made.objects.update(labels.classes.values())
        if use == "clicks":
            made.clicks += _clicks_in(labels, image)
            continue
        known = image.id in placed.areas
        value = next(iter(labels.classes.values()), None)
        split = options.split and not known
        work = read_masks(image, labels, use, project, folder, value, split=split, ids_known=known)
        result = yield from subprogress(work, middle, stop)
        missing = tuple(sorted(incomplete | placed.incomplete.get(image.id, set())))
        for truth in result.truths:
            is_instance = isinstance(truth, InstanceTruth)
            made.truths.append(
                truth.model_copy(update={"incomplete": missing}) if is_instance else truth
            )
        made.patch_masks += result.patch_masks
        made.clicks += result.clicks
    return made


def _labels_of(
    image: ImageRef,
    placed: PlacedOutlines,
    first: int | None,
    project: Project,
    folder: Path,
    made: _Made,
) -> Generator[Progress, None, InstanceLabels]:
    """Return the label image of an image; ids of the file itself are of the class `first`."""
    if image.id in placed.ids:
        if first is None and not project.classes:
            raise InputError("The project has no class yet: add one first.")
        ids = placed.ids[image.id]
        value = first if first is not None else project.classes[0].value
        present = np.unique(ids[ids > 0]).tolist()
        yield Progress(1.0, f"counting the objects of {image.name}")
        return InstanceLabels(ids, dict.fromkeys(present, value))
    labels = yield from _draw(image, placed.areas[image.id], shapes_in(folder)(image), made)
    if not labels.classes:  # all are too thin for a pixel, and none is under another
        placed.incomplete[image.id] |= {each.value for each in placed.areas[image.id]}
    return labels


def _draw(
    image: ImageRef, placed: Sequence[PlacedArea], shape: Sequence[int], made: _Made
) -> Generator[Progress, None, InstanceLabels]:
    """Return the outlines of an image as labels, those of a volume joined from plane to plane."""
    areas = [each.area for each in placed]
    if len(shape) == 3:
        depth, height, width = shape
        values, planes = [each.value for each in placed], [each.plane or 0 for each in placed]
        work = draw_planes(areas, values, planes, (depth, height, width), image.name)
        volume = yield from work
        made.overlapped += volume.overlapped
        made.lost += volume.lost
        made.on_planes += len(areas)
        return InstanceLabels(volume.ids, volume.values)
    height, width = shape
    drawn = yield from draw_outlines(areas, (height, width), image.name)
    made.overlapped += drawn.overlapped
    made.lost += len(drawn.lost)
    lost = set(drawn.lost)
    return InstanceLabels(
        drawn.ids, {n: each.value for n, each in enumerate(placed, start=1) if n not in lost}
    )


def _clicks_in(labels: InstanceLabels, image: ImageRef) -> list[Click]:
    from napari_synthseg.patches.simulated_clicks import click_masks

    return [
        Click(image=image.id, position=made.position, cls=made.cls)
        for made in click_masks(labels, jitter=0.0)
    ]


def _listed_as_boxes(
    listed: Sequence[OutlinedImage],
    project: Project,
    stack_of: StackOf,
    naming: OutlineNaming,
    options: ImportOptions,
) -> tuple[list[ListedImage], ImportOptions]:
    """Return outlines as a box format lists them; classes of left out objects are incomplete."""
    clear = [image for image in listed if not image.is_unclear]
    names = ImageNames(project.images)
    boxes = [each for image in clear for each in _as_boxes(image, project, names, stack_of, naming)]
    if unclear := len(listed) - len(clear):
        told = f"{unclear} {LEFT_OUT['unseen_images']}"
        boxes[0] = replace(boxes[0], notes=(*boxes[0].notes, told))
    left_out = {each.cls for image in listed for each in image.left_out if each.cls}
    renamed = {options.rename.get(name, name) for name in left_out}
    missed = renamed & {c.name for c in project.classes}
    return boxes, replace(options, incomplete=sorted({*options.incomplete, *missed}))


def _as_boxes(
    image: OutlinedImage,
    project: Project,
    names: ImageNames,
    stack_of: StackOf,
    naming: OutlineNaming,
) -> list[ListedImage]:
    """Return what is said of an image as boxes and points, of a stack of each plane."""
    named = with_name(image, project, names)
    try:
        refs = names.find_of(named, all_planes=True)
    except UnknownNameError:  # told, or passed over, where the boxes are placed
        refs = []
    named = with_planes(named, refs[0], stack_of) if refs else named
    planes: dict[str, list[ListedOutline | ListedPoint]] = {}
    everything: list[ListedOutline | ListedPoint] = [*named.outlines, *named.points]
    for thing in everything:
        found = refs_on_plane(thing, refs) if refs else []
        name = plane_name(found[0]) if found and found[0].plane else ""
        planes.setdefault(name, []).append(thing)
    notes = tuple(
        f"{count} {what} were left out"
        for what, count in Counter(each.what for each in named.left_out).items()
    )
    listed: list[ListedImage] = []
    for plane, things in (planes or {"": []}).items():
        boxes = [each for each in things if isinstance(each, ListedOutline)]
        points = [each for each in things if isinstance(each, ListedPoint)]
        listed.append(
            ListedImage(
                named.where,
                plane or named.name or "",
                tuple(
                    ListedBox(each.where, naming.name_of(each, project), each.area.bounds)
                    for each in boxes
                ),
                named.size,
                named.by_stem and not plane,
                points=tuple(
                    KeyPoint(each.where, naming.name_of(each, project), each.position)
                    for each in points
                ),
                notes=() if listed else notes,
            )
        )
    return listed


def _are_boxes(listed: Sequence[OutlinedImage]) -> bool:
    """Tell whether all outlines are upright rectangles: boxes, and no masks."""
    outlines = [outline for image in listed for outline in image.outlines]
    masks = any(image.ids is not None for image in listed)
    return bool(outlines) and not masks and all(each.is_box for each in outlines)


def _with_classes(
    project: Project, listed: Sequence[OutlinedImage], naming: OutlineNaming
) -> Project:
    """Return the project with the classes that it lacks, as large as the usual box round them."""
    sizes: dict[str, list[float]] = defaultdict(list)
    for image in listed:
        for outline in image.outlines:
            if outline.cls and outline.cls not in naming.ignored:
                ymin, xmin, ymax, xmax = outline.area.bounds
                edge = float(np.sqrt((ymax - ymin) * (xmax - xmin)))
                sizes[naming.renamed(outline.cls)].append(edge)
        for point in image.points:
            if point.cls and point.cls not in naming.ignored:
                sizes[naming.renamed(point.cls)] += []
    return with_missing_classes(project, sizes)


def _why_nothing(path: Path, listed: Sequence[OutlinedImage], placed: PlacedOutlines) -> str:
    if placed.unknown_images and placed.unknown_images == len(listed):
        return (
            f"{path}: none of its {len(listed)} image(s) is in the project: make the project with "
            "the images that were drawn on."
        )
    found = [f"{count} {what}" for what, count in placed.left_out.items()]
    found += [f"{placed.ignored} object(s) of ignored classes"] if placed.ignored else []
    found += [f"{placed.outside} outside of the used regions"] if placed.outside else []
    there = ", ".join(found) or "nothing"
    return f"{path}: it holds no outline or point that can be taken over, but {there}."


def _report(
    placed: PlacedOutlines, made: _Made, use: Use, clicks: Sequence[Click], project: Project
) -> tuple[dict[str, Any], list[str]]:
    """Return counts for programs, and what was done in words."""

    def by_name(values: Counter[int]) -> dict[str, int]:
        return {project.object_class(value).name: n for value, n in values.items()}

    outlines, clicked = by_name(made.objects), by_name(Counter(c.cls for c in clicks))
    figures: dict[str, Any] = {
        "images": len(placed.images),
        "outlines": made.objects.total(),
        "clicks": len(clicks),
        "per_class": outlines or clicked,
        "use": use,
        "left_out": dict(placed.left_out),
        "empty": sum(not areas for areas in placed.areas.values()),
        "overlapped": made.overlapped,
        "lost": made.lost,
        "not_for_training": made.not_for_training,
        "on_planes": made.on_planes,
    }
    counts = ("unknown_images", "unseen_images", "outside", "cut", "ignored")
    figures |= {name: getattr(placed, name) for name in counts}
    words = []
    if made.used:
        words.append(
            f"{figures['outlines']} {WORDS[use]} {len(made.used)} image(s) "
            f"({list_counts(outlines)})"
        )
    if made.on_planes:
        words.append(
            f"{made.on_planes} outlines on planes of volumes were joined to objects where they "
            "overlap from plane to plane"
        )
    if clicks:
        words.append(f"{len(clicks)} clicks added ({list_counts(clicked)})")
    elif placed.clicks:
        words.append("all clicks were there already")
    words += [f"{figures[key]} {why}" for key, why in LEFT_OUT.items() if figures[key]]
    words += [f"{n} {what} were left out" for what, n in placed.left_out.items()]
    words += tell_renamed(placed.renamed)
    return figures, words
