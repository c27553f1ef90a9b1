"""How a project names a file outside it, and what such a name may lead to.

A name is a path relative to the project folder, with forward slashes on every system; an absolute
one only where no relative path exists (another drive); or ``arrays:ID`` for what lies in the
project's own arrays. A relative path may lead anywhere the user can read: it stays on the
machine. An absolute one needs consent, see `consent`. Whatever it is, it must be a plain file or
a folder: devices and pipes are refused, and so are network addresses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

from pydantic import BaseModel

from napari_synthseg.core.annotations import ImageRef, MaskTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.paths import is_there
from napari_synthseg.storage import consent

ARRAYS_PREFIX = "arrays:"


HOW_TO_RELINK = "(project menu: Find moved images, or napari-synthseg relink)"

RELINK_IMAGE = f"relink the image to where it is on this computer {HOW_TO_RELINK}"
IMPORT_MASKS = "import the masks again from where they are on this computer"
"""What to do where an image file, or a file of masks, is not where the project says."""


def relative_uri(path: Path, folder: Path) -> str:
    """Return the name of a file that the user gave, as kept in the project in `folder`.

    A path that cannot be relative (another drive) counts as given by the user from now on.
    """
    target = _physical(path)
    try:
        uri = Path(os.path.relpath(target, folder.resolve())).as_posix()
    except ValueError:
        consent.allow(target, remember=True)
        return target.as_posix()
    # a file may be called "arrays:1" or "a:b" where that is no drive
    return f"./{uri}" if uri.startswith(ARRAYS_PREFIX) or is_absolute(uri) else uri


def resolve(uri: str, folder: Path, remedy: str = RELINK_IMAGE) -> Path:
    """Return the path of an existing file (or OME-Zarr folder) that a project names.

    `remedy` is what messages advise where it leads nowhere.

    Raises
    ------
    InputError
        If the name is none that a project may hold, needs consent, or leads to nothing.
    """
    path = _place(uri, folder, remedy)
    if not is_there(path):
        raise InputError(f"'{uri}' is no longer at '{path}': put it back, or {remedy}.")
    if not (path.is_file() or path.is_dir()):
        raise InputError(f"'{path}' is neither a file nor a folder: {remedy}.")
    return path


def named_files(project: Project, folder: Path, images: Iterable[ImageRef] = ()) -> frozenset[Path]:
    """Return the files and folders of a project's images and masks, and those of other images.

    What it keeps itself, and what may not be read, is not among them.
    """
    named = {ref.uri for ref in (*project.images, *images)}
    named |= {mask.source for mask in project.patch_masks}
    named |= {truth.source for truth in project.truths if isinstance(truth, MaskTruth)}
    found = set()
    for uri in named:
        if not uri.startswith(ARRAYS_PREFIX):
            with suppress(InputError):
                found.add(_place(uri, folder, RELINK_IMAGE))
    return frozenset(found)


def _place(uri: str, folder: Path, remedy: str) -> Path:
    """Return where a name leads, whether there is anything or not."""
    if not uri or "\0" in uri:
        raise InputError(f"{uri!r} does not name a file: {remedy}.")
    if "://" in uri:
        raise InputError(f"'{uri}' is a network address: download it and add the file instead.")
    if is_absolute(uri):
        path = Path(uri)
        if not path.is_absolute():
            raise InputError(f"'{uri}' is a path of another operating system: {remedy}.")
        if not consent.is_allowed(path):
            raise InputError(
                f"The project wants to read '{uri}', a place outside it that you have not opened "
                f"on this computer: if you trust the project, {remedy}."
            )
    else:
        path = Path(os.path.normpath(folder.resolve() / uri))
    return path


def is_absolute(uri: str) -> bool:
    """Tell whether a name starts at a root, a drive or a server, on any operating system."""
    windows = PureWindowsPath(uri)
    return PurePosixPath(uri).is_absolute() or bool(windows.drive or windows.root)


def rebase(project: Project, old: Path, new: Path) -> Project:
    """Return the project with the relative names it has in folder `old` made right for `new`."""

    def moved(uri: str) -> str:
        if not uri or uri.startswith(ARRAYS_PREFIX) or is_absolute(uri):
            return uri
        return relative_uri(Path(os.path.normpath(old.resolve() / uri)), new)

    def rebased(items: Iterable[BaseModel], field: str) -> tuple[BaseModel, ...]:
        return tuple(
            item.model_copy(update={field: moved(getattr(item, field))})
            if hasattr(item, field)
            else item
            for item in items
        )

    return project.model_copy(
        update={
            "images": rebased(project.images, "uri"),
            "truths": rebased(project.truths, "source"),
            "patch_masks": rebased(project.patch_masks, "source"),
        }
    )


def _physical(path: Path) -> Path:
    """Return the path from the root with links in its folders followed, its own name kept."""
    path = consent.absolute(path)
    return path.parent.resolve() / path.name
