"""The image files among what a user chose: files and folders, looked at before they are used."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.io.images.files import IMAGE_FORMATS, open_file
from napari_synthseg.io.images.ome_zarr import is_zarr
from napari_synthseg.io.naming import same_form, without_mask_ending
from napari_synthseg.workflow.jobs import Job

PROJECT_ENDING = ".synthseg"

MAX_FILES = 10_000
"""More files are hardly what somebody meant to choose."""


@dataclass(frozen=True)
class FoundFile:
    """An image file and what its axes are taken for; nothing of its pixels is read.

    Attributes
    ----------
    path
        The file.
    axes, shape
        One letter of "tczyx" for each axis, and the extent along it.
    is_guess
        The file does not name all of them.
    apart
        Distance of planes along z, in pixels along x.
    """

    path: Path
    axes: str
    shape: tuple[int, ...]
    is_guess: bool = False
    apart: float = 1.0


@dataclass(frozen=True)
class FoundFiles:
    """What was chosen.

    Attributes
    ----------
    files
        Those that can be used.
    refused
        File -> why not.
    masks
        Files of a folder that are named as the masks of others in it: they are no images.
    """

    files: tuple[FoundFile, ...] = ()
    refused: dict[Path, str] = field(default_factory=dict)
    masks: tuple[Path, ...] = ()


def find_images(paths: Sequence[Path]) -> Job[FoundFiles]:
    """Look at files, and at the image files in folders and in the folders in these.

    The job fails with an `InputError` if a folder holds no image, or too many.
    """
    return Job(_find(tuple(map(Path, paths))), "look at images")


def _find(paths: Sequence[Path]) -> Generator[Progress, None, FoundFiles]:
    chosen: dict[Path, None] = {}
    masks: list[Path] = []
    for path in paths:
        yield Progress(0.0, f"looking into {path.name}")
        if path.is_dir() and not is_zarr(path):
            images, of_these = yield from _images_in(path)
            chosen |= dict.fromkeys(images)
            masks += of_these
        else:
            chosen[path] = None
    files: list[FoundFile] = []
    refused: dict[Path, str] = {}
    for number, path in enumerate(chosen):
        yield Progress(number / len(chosen), f"looking at {path.name}")
        try:
            files.append(_look_at(path))
        except InputError as error:
            refused[path] = str(error)
    return FoundFiles(tuple(files), refused, tuple(masks))


def _look_at(path: Path) -> FoundFile:
    try:
        stored = open_file(path)
    except InputError:  # of several images in a file the first stands for all
        stored = open_file(path, series=0)
    size = stored.pixel_size
    apart = size["z"] / size["x"] if {"z", "x"} <= size.keys() else 1.0
    return FoundFile(path, stored.axes, stored.shape, bool(stored.unnamed), apart)


def _images_in(folder: Path) -> Generator[Progress, None, tuple[list[Path], list[Path]]]:
    """Return the images in a folder, and the files that are named as their masks."""
    found: list[Path] = []
    for number, path in enumerate(_files_in(folder)):
        if number % 50 == 0:
            yield Progress(0.0, f"looking into {folder.name}")
        if path.is_dir() or _is_image(path):
            found.append(path)
        if len(found) > MAX_FILES:
            raise InputError(
                f"'{folder}' holds more than {MAX_FILES:,} images: choose a folder in it."
            )
    if not found:
        raise InputError(f"'{folder}' holds no image that can be read here: choose another folder.")
    stems = {(path.parent, same_form(path.stem)) for path in found}
    masks = [path for path in found if _is_mask(path, stems)]
    return [path for path in found if path not in set(masks)], masks


def _is_mask(path: Path, stems: set[tuple[Path, str]]) -> bool:
    stem = same_form(path.stem)
    own = without_mask_ending(stem)
    return own != stem and (path.parent, own) in stems


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield files and OME-Zarr folders in order, none hidden, none of a project."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        left = [n for n in sorted(folders) if not n.startswith(".") and _is_open(n)]
        arrays = [name for name in left if is_zarr(here / name)]
        folders[:] = [name for name in left if name not in arrays]
        yield from (here / name for name in sorted([*arrays, *files]) if not name.startswith("."))


def _is_open(folder_name: str) -> bool:
    return not folder_name.endswith(PROJECT_ENDING)


def _is_image(path: Path) -> bool:
    """Tell by its first bytes whether a file is of a known format."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return any(start.startswith(each.starts) for each in IMAGE_FORMATS)
