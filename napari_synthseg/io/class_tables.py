"""Tables about classes: ``value,name`` beside label images, and ``image,class`` of image labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.left_out import AS_WRITTEN, LeftOut, Naming
from napari_synthseg.io.naming import ImageNames, find_class
from napari_synthseg.io.tables import Columns, read_rows, write_rows

VALUE_NAMES = Columns(("value", "name"), others=True)
IMAGE_LABELS = Columns(("image", "class"))


def read_class_names(path: Path) -> dict[int, str]:
    """Read class value -> name. The background, 0, may be among them.

    Raises
    ------
    InputError
        If the table cannot be read, a value is no whole number from 0, a name is empty, or one of
        them is there twice; the message names the row.
    """
    names: dict[int, str] = {}
    for where, cells in read_rows(path, VALUE_NAMES):
        text, name = cells["value"], cells["name"]
        if not (text.isascii() and text.isdecimal()):
            raise InputError(f"{where}: the value is '{text}': give a whole number, 0 or more.")
        if not name:
            raise InputError(f"{where}: class {text} has no name: give it one.")
        if int(text) in names:
            raise InputError(f"{where}: the value {text} is there twice: name each value once.")
        if name in names.values():
            raise InputError(f"{where}: the name '{name}' is there twice: give another.")
        names[int(text)] = name
    return names


def write_class_names(path: Path, names: Mapping[int, str]) -> None:
    """Write class value -> name, by rising value.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_rows(path, VALUE_NAMES.required, sorted(names.items()))


def read_image_labels(
    path: Path,
    project: Project,
    naming: Naming = AS_WRITTEN,
) -> tuple[dict[str, set[int]], int, list[str]]:
    """Read which classes images show.

    Parameters
    ----------
    path
        The table. A row with an empty class says that the image shows none.
    project
        Gives the images and classes that may be named.
    naming
        How names in the table are understood.

    Returns
    -------
    shown
        Id of each listed image -> class values.
    unknown
        Number of rows of images that the project lacks.
    notes
        What is to be told of names that were no image's own.

    Raises
    ------
    InputError
        At the first row that makes no sense.
    """
    names = ImageNames(project.images)
    shown: dict[str, set[int]] = {}
    left_out = LeftOut()
    for where, cells in read_rows(path, IMAGE_LABELS):
        for ref in left_out.images_of(naming, names.find, where, cells["image"]):
            values = shown.setdefault(ref.id, set())
            name = cells["class"]
            if name and name not in naming.ignored:
                values.add(find_class(where, naming.renamed(name), project.classes))
    return shown, left_out.unknown_images, names.notes()
