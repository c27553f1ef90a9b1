"""Starting a project."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.cli.console import report
from napari_synthseg.cli.settings import (
    AxesOption,
    ChannelsOption,
    ImageFiles,
    JsonFlag,
    OnlyOption,
    ProjectFolder,
    SeriesOption,
    StackFlag,
    check_folders,
    parse_only,
    parse_series,
)
from napari_synthseg.core.annotations import ImageRef, ObjectClass, find_specimen
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.stacks import MAX_PLANE_DISTANCE_PX, MIN_VOLUME_PLANES, StackUse
from napari_synthseg.storage.images import choosable_channels, describe, open_pixels
from napari_synthseg.workflow.images.channels import count_channels, parse_channels
from napari_synthseg.workflow.importing import ImageFields
from napari_synthseg.workflow.session import Session

HOW_TO_CHANGE_AXES = (
    "If that is not so, start anew: --axes tyx, cyx or zyx says what the axes are, --only t=0 "
    "takes one frame, --volume or --planes say how stacks are used."
)


def create_project(
    project: ProjectFolder,
    images: ImageFiles,
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
    volume: Annotated[
        bool | None,
        typer.Option(
            "--volume/--planes",
            help=f"Use stacks along z as volumes, or plane by plane. Default: as volumes from "
            f"{MIN_VOLUME_PLANES} planes on, unless they lie more than {MAX_PLANE_DISTANCE_PX:g} "
            "pixels apart.",
        ),
    ] = None,
    pixel_size: Annotated[
        str | None,
        typer.Option(
            metavar="[Z,]Y,X",
            help="Size of a pixel along each axis, where the files do not say it or say it wrong; "
            "only the proportion counts.",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Which images show one specimen: a regular expression; what it finds in the name "
            "of a file, or its first bracket, names the specimen. Images of one specimen are never "
            "divided between learning and checking.",
        ),
    ] = None,
    axes: AxesOption = None,
    only: OnlyOption = None,
    series: SeriesOption = None,
    channels: ChannelsOption = None,
    stack: StackFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Start a project from images and classes."""
    with_classes = _with_classes(Project(), classes)
    sizes = _sizes(pixel_size) if pixel_size is not None else None
    use: StackUse = "auto" if volume is None else "volume" if volume else "planes"
    plane, number = parse_only(only), parse_series(series)
    used = parse_channels(channels or "")
    check_folders(images, stack)
    fields: dict[Path, ImageFields] = {}
    has_choice = False
    for path in images:
        if os.path.realpath(path) in map(os.path.realpath, fields):
            raise InputError(f"Image '{path}' is given twice.")
        fields[path] = {"exhaustive": exhaustive, "channels": used}
        if group is not None:
            fields[path]["group"] = _specimen(group, path)
        # what cannot be read is refused before anything
        ref = describe(path, axes, use, number, plane)[0]
        open_pixels(ref.model_copy(update={"channels": used}), project)
        has_choice = has_choice or (used is not None and count_channels(ref, project) > 1)
        if sizes is not None:
            fields[path] |= _sized(ref, sizes)
    if used is not None and not has_choice:
        raise InputError(
            f"--channels chooses among several, and each image is read with one, as '{images[0]}'. "
            "If an axis that is taken for planes or frames holds them, say so: --axes cyx, or yxc."
        )
    told: dict[str, list[str]] = {}
    shapes: dict[str, str] = {}
    with _removed_on_failure(project), Session.create(project) as session:
        session.edit(session.project.with_classes(*with_classes.classes), "add classes")
        for path, given in fields.items():
            added = session.add_images(
                path, use, axes=axes or "", plane=plane, series=number, **given
            ).result()
            shapes[path.name] = str(added.figures["axes"])
            for note in added.figures["notes"]:
                told.setdefault(note, []).append(path.name)
        made = session.project
        several = {
            image.name: count
            for image in made.images
            if image.channels is None and (count := choosable_channels(image, project)) > 1
        }
    volumes = sum(image.ndim == 3 for image in made.images)
    result = {
        "project": str(project),
        "images": [image.name for image in made.images],
        "volumes": volumes,
        "axes": shapes,
        "notes": [f"{_listed(names)}: {note}" for note, names in told.items()],
        "groups": {image.name: image.group for image in made.images},
        "classes": {c.name: {"value": c.value, "diameter": c.diameter} for c in made.classes},
    }
    of_them = f"{volumes} of them volumes, " if volumes else ""
    counted = f"{len(made.images)} image(s), {of_them}{len(made.classes)} class(es)"
    lines = [
        f"New project {project}: {counted}.",
        *(_class_line(c, ":" in given) for c, given in zip(made.classes, classes, strict=True)),
        *_axes_lines(shapes),
        *_channel_lines(several),
        *(f"Note: {_listed(names)}: {note}." for note, names in told.items()),
        f"Next: napari-synthseg import {project} CLICKS.csv",
    ]
    report(result, lines, as_json)


def _channel_lines(counts: Mapping[str, int]) -> list[str]:
    """Say which images have several channels that are all used, and how to use only some."""
    if not counts:
        return []
    most = max(counts.values())
    return [
        f"{_listed(list(counts))}: up to {most} channels, all used. If only some show your "
        "objects, start anew with --channels and their numbers, from 0."
    ]


def _class_line(cls: ObjectClass, is_size_given: bool) -> str:
    """Say which class there is, so that a mistyped NAME:DIAMETER is seen."""
    why = "" if is_size_given else f", as no diameter was given ('{cls.name}:30' would be 30)"
    return f"Class {cls.value} '{cls.name}': objects about {cls.diameter:g} px wide{why}."


@contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove what a failure leaves in a folder, and the folder itself if it is new."""
    before = set(folder.iterdir()) if folder.is_dir() else None
    try:
        yield
    except BaseException:
        for made in [folder] if before is None else set(folder.iterdir()) - before:
            if made.is_dir():
                shutil.rmtree(made, ignore_errors=True)
            else:
                made.unlink(missing_ok=True)
        raise


def _axes_lines(shapes: Mapping[str, str]) -> list[str]:
    """Say how axes are taken that could be taken otherwise, and how to change it."""
    by_words: dict[str, list[str]] = {}
    for name, words in shapes.items():
        by_words.setdefault(words, []).append(name)
    lines = [f"{_listed(names)}: {words}." for words, names in by_words.items() if words]
    return [*lines, HOW_TO_CHANGE_AXES] if lines else []


def _listed(names: Sequence[str]) -> str:
    return f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _with_classes(project: Project, texts: list[str]) -> Project:
    for text in texts:
        name, colon, diameter = text.rpartition(":") if ":" in text else (text, "", "")
        fields = {"diameter": _diameter(text, diameter)} if colon else {}
        if not 0 < len(name) <= 64:
            raise InputError(f"--class {text}: a class name has 1 to 64 characters.")
        if len(project.classes) == 254:
            raise InputError(f"--class {text}: there can be no more than 254 classes.")
        project = project.with_classes(project.next_class(name, **fields))
    return project


def _diameter(text: str, diameter: str) -> float:
    try:
        value = float(diameter)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise InputError(
            f"--class {text}: '{diameter}' is not a diameter in pixels: write NAME:DIAMETER, such "
            "as nucleus:22."
        )
    return value


def _specimen(pattern: str, path: Path) -> str:
    """Return the name of the specimen that an image shows."""
    try:
        name = find_specimen(pattern, path.stem)
    except re.error as error:
        raise InputError(f"--group {pattern}: no regular expression: {error}.") from None
    if not name:
        raise InputError(
            f"--group {pattern}: finds nothing in the name '{path.stem}'. Give a pattern that "
            "fits all images, such as 'slide[0-9]+'."
        )
    return name


def _sizes(text: str) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) not in (2, 3) or not all(0 < size < math.inf for size in sizes):
        raise InputError(
            f"--pixel-size {text}: give two or three lengths above 0, as 0.3,0.1,0.1 for z, y, x."
        )
    return sizes


def _sized(ref: ImageRef, sizes: tuple[float, ...]) -> ImageFields:
    """Return the fields of an image whose pixel size is given by hand, without a unit."""
    if len(sizes) < ref.ndim:
        raise InputError(
            f"'{ref.name}' is a volume: give --pixel-size for z, y and x, or use it with --planes."
        )
    finest = min(sizes[-ref.ndim :])
    return {"pixel_size": tuple(size / finest for size in sizes[-ref.ndim :]), "unit": "px"}
