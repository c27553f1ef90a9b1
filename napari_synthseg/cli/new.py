"""Starting a project."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_synthseg.cli.console import report
from napari_synthseg.cli.image_files import (
    ChannelsOption,
    ExhaustiveFlag,
    GroupOption,
    ImageOptions,
    PixelSizeOption,
    VolumeFlag,
    add_images,
    axes_lines,
    channel_lines,
    check_choice,
    file_notes,
)
from napari_synthseg.cli.settings import (
    AxesOption,
    ImageFiles,
    JsonFlag,
    OnlyOption,
    ProjectFolder,
    SeriesOption,
    StackFlag,
    check_units,
    class_figures,
    describe_class,
    parse_class,
)
from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.session import Session

WITHOUT_COLON = re.compile(r"([^\d\s].*?)[\s=,;_-]*(\d+(?:\.\d+)?)")
"""A name that may have been meant as a name and a diameter."""


def create_project(
    project: ProjectFolder,
    images: ImageFiles,
    classes: Annotated[
        list[str],
        typer.Option(
            "--class",
            metavar="NAME[:DIAMETER]",
            help="A class and the typical diameter of its objects in pixels, or with a unit as "
            "6um; repeat for more. Class values follow the order, from 1.",
        ),
    ],
    exhaustive: ExhaustiveFlag = False,
    volume: VolumeFlag = None,
    pixel_size: PixelSizeOption = None,
    group: GroupOption = None,
    axes: AxesOption = None,
    only: OnlyOption = None,
    series: SeriesOption = None,
    channels: ChannelsOption = None,
    stack: StackFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Start a project from images and classes."""
    given = [parse_class(text) for text in classes]
    with_classes = _with_classes(given)
    options = ImageOptions(
        exhaustive, volume, pixel_size, group, axes, only, series, stack, channels
    )
    with _removed_on_failure(project), Session.create(project) as session:
        session.edit(with_classes, "add classes")
        added = add_images(session, images, options)
        made = session.project
        if options.choice is not None:
            check_choice(made.images, session.folder)
        check_units(Project(), made)
        several = channel_lines(added, session)
    notes, volumes = file_notes(added), sum(image.ndim == 3 for image in made.images)
    sized = {name for name, size in given if size}
    about = {cls: _class_line(cls, cls.name in sized, project) for cls in made.classes}
    unsure = [line for cls, line in about.items() if cls.name not in sized]
    result = {
        "project": str(project),
        "images": [image.name for image in made.images],
        "volumes": volumes,
        "axes": added.figures["axes"],
        "notes": [*unsure, *notes],
        "groups": {image.name: image.group for image in made.images},
        "classes": class_figures(made),
    }
    of_them = f"{volumes} of them volumes, " if volumes else ""
    counted = f"{len(made.images)} image(s), {of_them}{len(made.classes)} class(es)"
    lines = [
        f"New project {project}: {counted}.",
        *about.values(),
        *axes_lines(added, "start anew"),
        *several,
        *(f"Note: {note}." for note in notes),
        f"Next: napari-synthseg import {project} CLICKS.csv",
    ]
    report(result, lines, as_json)


def _class_line(cls: ObjectClass, is_sized: bool, folder: Path) -> str:
    """Say which class there is, so that a mistyped NAME:DIAMETER is seen."""
    if is_sized:
        return f"{describe_class(cls)}."
    command = ["napari-synthseg", "edit", str(folder), "--class", f"{cls.name}:DIAMETER"]
    line = f"{describe_class(cls)}, as no diameter was given ({shlex.join(command)} changes it)."
    if found := WITHOUT_COLON.fullmatch(cls.name):
        line += (
            f" If {found[2]} is its diameter, delete '{folder}' and begin again with "
            f"'{found[1]}:{found[2]}'."
        )
    return line


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


def _with_classes(given: Sequence[tuple[str, Mapping[str, Any]]]) -> Project:
    project = Project()
    for name, size in given:
        project = project.with_classes(project.next_class(name, **size))
    return project
