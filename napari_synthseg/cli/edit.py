"""Changing a project: more images, other diameters of classes, other channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
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
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.workflow.images.channels import Choice
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.session import Session

AGAIN = "remove these images in the window (step 1), and add them again"


def edit_project(
    project: ProjectFolder,
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="IMAGES...", help="Image files to add.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME:DIAMETER",
            help="A class and the new typical diameter of its objects, in pixels, or with a unit "
            "as 6um; repeat for more.",
        ),
    ] = None,
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Make classes that the project lacks.")
    ] = False,
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
    """Add images to a project, change the diameter of its classes, or choose channels.

    --channels holds for IMAGES, and where none are given for all images of several channels.
    """
    options = ImageOptions(
        exhaustive, volume, pixel_size, group, axes, only, series, stack, channels
    )
    sizes = _sizes(classes or ())
    if not (images or sizes or channels):
        raise InputError("Nothing to do: give IMAGES to add, --class NAME:DIAMETER, or --channels.")
    if not images:
        options.require_files()
    lines: list[str] = []
    added, chosen = Imported(), Imported()
    with Session.open(project).result() as session, _all_or_nothing(session):
        before = session.project
        session.edit(_resized(before, sizes, add_classes), "change diameter of class")
        lines += _class_lines(before, session.project, sizes)
        if images:
            added = add_images(session, images, options)
            lines += [added.message, *axes_lines(added, AGAIN)]
        check_units(before, session.project)
        if channels:
            chosen = _choose_channels(session, images or [], options.choice)
            used = "all" if options.choice is None else ", ".join(map(str, options.choice))
            lines.append(f"Channels used of {chosen.figures['images']} image(s): {used}.")
        elif images:
            lines += channel_lines(added, session)
        now = session.project
    notes = file_notes(added) if images else []
    result = {
        "project": str(project),
        "added": [image.name for image in added.images],
        "known": added.figures.get("known", []),
        "channels": chosen.figures.get("images", 0),
        "axes": added.figures.get("axes", {}),
        "notes": notes,
        "groups": {image.name: image.group for image in added.images},
        "classes": class_figures(now),
    }
    report(result, [*lines, *(f"Note: {note}." for note in notes)], as_json)


@contextmanager
def _all_or_nothing(session: Session) -> Iterator[None]:
    """Take back what was edited if something fails."""
    before = session.project
    try:
        yield
    except BaseException:
        session.edit(before, "take back")
        raise


def _resized(project: Project, sizes: Mapping[str, Mapping[str, Any]], add: bool) -> Project:
    """Return the project with other diameters of classes; those it lacks are made if `add`."""
    for name, size in sizes.items():
        known = next((cls for cls in project.classes if cls.name == name), None)
        if known is None and not add:
            names = ", ".join(f"'{cls.name}'" for cls in project.classes) or "none"
            folded = {cls.name.casefold(): cls.name for cls in project.classes}
            close = get_close_matches(name.casefold(), folded, 1)
            meant = f"Did you mean '{folded[close[0]]}'? If not, add" if close else "Add"
            raise InputError(
                f"--class {name}: there is no such class in this project (classes: {names}). "
                f"{meant} --add-classes to make it."
            )
        if known is None:
            project = project.with_classes(project.next_class(name, **size))
        elif known.unit != "px" and "unit" not in size:
            length = f"{name}:{size['diameter']:g}"
            raise InputError(
                f"--class {length}: its diameter is in {known.unit}: write {length}{known.unit}, "
                f"or {length}px."
            )
        else:
            project = project.with_classes(known.model_copy(update=dict(size)))
    return project


def _sizes(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the size that is given for each class, by its name."""
    sizes: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, size = parse_class(text)
        if not size:
            raise InputError(f"--class {text}: write NAME:DIAMETER, such as nucleus:22.")
        if name in sizes:
            raise InputError(f"--class {text}: class '{name}' is given twice.")
        sizes[name] = size
    return sizes


def _class_lines(before: Project, now: Project, names: Mapping[str, object]) -> list[str]:
    """Say how large the objects of some classes are now, and were before."""
    was = {cls.value: f" (before: {cls.diameter:g} {cls.unit})" for cls in before.classes}
    return [
        f"{describe_class(cls)}{was.get(cls.value, ', a new class')}."
        for cls in now.classes
        if cls.name in names
    ]


def _choose_channels(session: Session, files: list[Path], choice: Choice) -> Imported:
    """Choose channels of the images that files hold, without files of all that have several."""
    uris = {relative_uri(path, session.folder) for path in files}
    mine = [ref for ref in session.project.images if ref.uri in uris]
    if mine and choice is not None:
        check_choice(mine, session.folder)
    return session.choose_channels(choice, mine).result()
