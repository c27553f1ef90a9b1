"""What a file holds that somebody wants to import, before anything is taken over."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.ome_zarr import is_zarr, label_images
from napari_synthseg.io.labels import HOW_TO_SPLIT, as_integers, read_whole, require_ids
from napari_synthseg.io.naming import ImageNames, without_mask_ending
from napari_synthseg.io.result_files import EXTENSIONS
from napari_synthseg.workflow.importing_files import file_kind
from napari_synthseg.workflow.jobs import Job

Source = Literal["annotations", "label image", "label images"]
"""A file or folder of annotations, one label image, or a folder of them."""


@dataclass(frozen=True)
class Importable:
    """Something that can be imported.

    Attributes
    ----------
    path
        The file or folder.
    source
        How it is imported.
    title
        For people: what it holds.
    options
        Names of the fields of `ImportOptions` that say something about it.
    no_ids
        Why the values of a label image are no ids of objects; '' where they are.
    """

    path: Path
    source: Source
    title: str
    options: frozenset[str] = frozenset()
    no_ids: str = ""


def look_at(path: Path) -> Job[Importable]:
    """Find out what a file or folder holds.

    The job fails with an `InputError` if nothing here reads it.
    """
    return Job(_look(Path(path)), f"look at {Path(path).name}")


def _look(path: Path) -> Generator[Progress, None, Importable]:
    yield Progress(0.0, f"looking at {path.name}")
    try:
        kind = file_kind(path)
    except InputError as error:
        if is_zarr(path) and label_images(path):
            return Importable(path, "label images", "label images of OME-Zarr")
        if path.is_dir() and not is_zarr(path):
            if not any(each.suffix.lower() in EXTENSIONS for each in path.rglob("*")):
                raise
            return Importable(path, "label images", "a folder of label images")
        try:
            stored = open_file(path, as_ids=True)
        except InputError:
            raise error from None
        yield Progress(0.5, f"reading {path.name}")
        name = f"'{path.name}'"
        values = as_integers(read_whole(stored, name), name)
        return Importable(path, "label image", "a label image", no_ids=why_no_ids(values))
    return Importable(path, "annotations", kind.title, kind.options)


def image_named_as(path: Path, project: Project) -> ImageRef | None:
    """Return the one image of a project that a label image is named as; None where none is."""
    names = ImageNames(project.images)
    for stem in dict.fromkeys((path.stem, without_mask_ending(path.stem))):
        try:
            found = names.find_stem(str(path), stem, all_planes=True)
        except InputError:
            continue
        if len(found) == 1:
            return found[0]
    return None


def why_no_ids(values: NDArray[np.integer]) -> str:
    """Return why the values of a label image are no ids of objects, in words; '' where they are."""
    try:
        require_ids(values, "in it", HOW_TO_SPLIT)
    except InputError as error:
        return str(error).removeprefix("The masks in it ").removesuffix(f": {HOW_TO_SPLIT}.")
    return ""
