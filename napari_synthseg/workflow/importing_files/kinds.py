"""What can be imported from a file: each kind says how it is told from others, and how it is read.

A new kind is a `FileKind` in the table of `importing_files`; nothing else needs to know it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_synthseg.core.annotations import Click, ImageRef, Role
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import SizeOf
from napari_synthseg.io.images.normalized import SERIES
from napari_synthseg.io.left_out import Naming
from napari_synthseg.io.naming import ImageNames, ShapeOf, image_in_file, same_form
from napari_synthseg.io.plane_names import PlaneNames, Stack, StackOf
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.storage.images import open_pixels, open_stored
from napari_synthseg.workflow.importing import Imported


@dataclass(frozen=True, kw_only=True)
class ImportOptions(Naming):
    """What is taken of a file's content, and how; `Naming` has the rest of it.

    Attributes
    ----------
    image, class_name
        Image, or folder of images, that alone is meant; class of objects whose file names none.
    axes
        A letter for each axis of the points of a layer; None: as `read_points` finds them.
    unit
        Unit of measured positions, "px" or a length; None as the file says.
    add_classes
        Make classes that the project lacks, as large as their usual box.
    incomplete
        Class names, as in the project, of which not every object has a box.
    as_clicks
        Make clicks of the boxes, not truth.
    exhaustive
        With `as_clicks`: every object has one.
    split
        Each connected piece of masks is an object of its own, whatever its value.
    by_clicks
        Objects of masks of which the file names no class are of the class of the clicks in them,
        and of `class_name` where that says none; else so only where no `class_name` is given.
    first_plane
        Number of the first plane in names of pictures of planes; None as these names tell.
    role
        What the images are for from now on; None as they were.
    """

    image: str | None = None
    class_name: str | None = None
    axes: str | None = None
    unit: str | None = None
    add_classes: bool = False
    incomplete: Sequence[str] = ()
    as_clicks: bool = False
    exhaustive: bool = False
    split: bool = False
    by_clicks: bool = False
    first_plane: int | None = None
    role: Role | None = None


Reader = Callable[[Path, Project, Path, ImportOptions], Generator[Progress, None, Imported]]
"""Takes the file, the project, its folder and the options; takes all of the file, or raises."""

NAMING_OPTIONS = frozenset({"image", "rename", "ignored", "skip_unknown", "role"})
"""Fields of `ImportOptions` for files that name images and classes."""


@dataclass(frozen=True, eq=False)
class FileKind:
    """A kind of file that can be imported.

    Attributes
    ----------
    name
        For programs.
    title
        For people: what the file holds.
    recognizes
        Whether a file or folder is of this kind, by its content.
    read
        Reads it.
    options
        Names of the fields of `ImportOptions` that say something about it.
    """

    name: str
    title: str
    recognizes: Callable[[SniffedFile], bool]
    read: Reader
    options: frozenset[str]


def narrowed(project: Project, options: ImportOptions) -> Project:
    """Return the project with the images alone that the user means."""
    if options.image is None:
        return project
    where = f"--image {options.image}"
    images = ImageNames(project.images).matching(where, options.image)
    return project.model_copy(update={"images": tuple(images)})


def shapes_in(folder: Path) -> ShapeOf:
    """Return a function that gives the shape of an image; each file is opened once."""
    shapes: dict[tuple[object, ...], tuple[int, ...]] = {}

    def shape_of(image: ImageRef) -> tuple[int, ...]:
        key = (*image_in_file(image), image.axes, image.ndim)
        if key not in shapes:
            shapes[key] = open_pixels(image, folder).shape[1:]
        return shapes[key]

    return shape_of


def stacks_in(folder: Path) -> StackOf:
    """Return a function that gives the stack that an image is of; each file is opened once."""
    stacks: dict[tuple[object, ...], Stack] = {}

    def stack_of(image: ImageRef) -> Stack:
        key = image_in_file(image)
        if key not in stacks:
            stored = open_stored(image.uri, folder, series=image.plane.get(SERIES), axes=image.axes)
            stacks[key] = Stack(
                {axis: stored.size(axis) for axis in stored.axes if axis in "tz"},
                stored.plane_files,
                stored.size("c") if "c" in stored.axes and not stored.is_color else 1,
            )
        return stacks[key]

    return stack_of


def sizes_in(project: Project, folder: Path) -> SizeOf:
    """Return a function that gives height and width of an image of the project by its stem."""
    shape_of = shapes_in(folder)
    names, planes = ImageNames(project.images), PlaneNames(project.images, stacks_in(folder))

    def size_of(where: str, stem: str) -> tuple[int, int]:
        try:
            found = planes.refs_named(where, stem, by_stem=True) or names.find_stem(where, stem)
            height, width = shape_of(found[0])[-2:]
        except InputError:
            return 1, 1  # what is on an unknown image is never placed
        return height, width

    return size_of


SMALLEST_PX = 0.1
"""Diameter of classes whose boxes are smaller than anything that is seen."""


def with_missing_classes(project: Project, edges: Mapping[str, Sequence[float]]) -> Project:
    """Return the project with the classes that it lacks, as large as their usual edge, pixels."""
    known = {same_form(c.name.strip()) for c in project.classes}
    for name, mine in edges.items():
        if same_form(name) not in known:
            usual = max(round(float(np.median(mine)), 1), SMALLEST_PX) if mine else 0.0
            size = {"diameter": usual} if mine else {}
            project = project.with_classes(project.next_class(name, **size))
    return project


def new_clicks(project: Project, clicks: Iterable[Click]) -> tuple[Click, ...]:
    """Return the clicks that the project does not have yet."""
    known = {(c.image, c.cls, c.position) for c in (*project.clicks, *project.negatives)}
    return tuple(c for c in clicks if (c.image, c.cls, c.position) not in known)


def with_role(images: Iterable[ImageRef], role: Role | None) -> tuple[ImageRef, ...]:
    """Return the images that change where they are given a role."""
    return tuple(i.model_copy(update={"role": role}) for i in images) if role else ()


def list_counts(counts: Mapping[str, int]) -> str:
    """Return counts by class name in words."""
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
