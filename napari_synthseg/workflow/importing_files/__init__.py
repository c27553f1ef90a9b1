"""Taking over what others' files say of images: clicks, boxes, outlines, image labels, masks.

Everything in a file or folder is taken, or, if something is wrong with it, nothing. What a file
is, its content says; the first kind that recognizes it reads it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import BOX_FORMATS
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.workflow.importing import Imported, MaskKind
from napari_synthseg.workflow.importing_files.boxes import box_kind
from napari_synthseg.workflow.importing_files.clicks import CLICKS, MEASURED, POINTS
from napari_synthseg.workflow.importing_files.image_labels import IMAGE_LABELS
from napari_synthseg.workflow.importing_files.kinds import FileKind, ImportOptions
from napari_synthseg.workflow.importing_files.masks import import_masks
from napari_synthseg.workflow.importing_files.outlines import outline_kinds

__all__ = ["FileKind", "ImportOptions", "file_kind", "import_file", "import_masks"]


def _kinds() -> Iterator[FileKind]:
    """Yield all kinds; of two that recognize a file the first is taken."""
    yield from outline_kinds()
    yield from map(box_kind, BOX_FORMATS.values())
    yield from (POINTS, IMAGE_LABELS, MEASURED, CLICKS)


def file_kind(path: Path, masks: MaskKind | None = None) -> FileKind:
    """Return the kind of a file or folder; with `masks`, of one whose outlines become masks.

    Raises
    ------
    InputError
        If there is no such file, or nothing here reads what it holds.
    """
    file = SniffedFile(path)
    kinds = _kinds() if masks is None else outline_kinds(masks)
    found = next((kind for kind in kinds if kind.recognizes(file)), None)
    if found is None:
        raise InputError(f"{path} {file.describe()}")
    return found


def import_file(
    path: Path,
    project: Project,
    folder: Path,
    options: ImportOptions,
    masks: MaskKind | None = None,
) -> Generator[Progress, None, Imported]:
    """Read a file of any kind; `Imported.figures` say what was taken and left out.

    With `masks`, its outlines become masks of that kind.

    Raises
    ------
    InputError
        At the first row that cannot be taken; an `UnknownNameError` for a name that the project
        does not have.
    """
    yield Progress(0.0, f"reading {path.name}")
    return (yield from file_kind(path, masks).read(path, project, folder, options))
