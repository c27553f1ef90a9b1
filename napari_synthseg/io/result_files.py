"""The files that results are written to: label images, heat maps and tables, by file stem."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.class_tables import write_class_names
from napari_synthseg.io.images.folder_stack import SUFFIXES as PLANE_SUFFIXES
from napari_synthseg.io.images.lengths import in_micrometers
from napari_synthseg.io.labels import encode_regions, read_label_file
from napari_synthseg.io.naming import same_form, unique_names, without_mask_ending
from napari_synthseg.io.paths import is_there
from napari_synthseg.io.tables import Columns, read_rows

EXTENSIONS = frozenset({".tif", ".tiff", ".png", ".bmp"})
"""What label images come as: formats that keep ids exactly."""

_LEAST_UM = 1e-5
"""Pixels smaller than this are more a centimeter than a tag of TIFF can hold."""

OBJECTS_FILE, CANDIDATES_FILE = "objects.csv", "candidates.csv"
LABELS_FILE, AREAS_FILE, CLASSES_FILE = "labels.csv", "areas.csv", "classes.csv"

ClassTable = Mapping[str, Mapping[int, str]]
"""File stem -> instance id -> class name."""

OBJECT_CLASSES = Columns(("image", "id", "class"), others=True)
"""What is read of a table of objects."""


def by_stem(folder: Path, what: str = "label image") -> dict[str, Path]:
    """Return the label images of a folder, or `what` else it is to hold, by stem; none hidden.

    Raises
    ------
    InputError
        If it is no folder, holds no such image, or two with one stem.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one that holds {what}s.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in EXTENSIONS or path.name.startswith("."):
            continue
        stem = same_form(path.stem)
        if stem in found:
            raise InputError(
                f"{folder}: '{found[stem].name}' and '{path.name}' have the same stem: keep "
                "one of them."
            )
        found[stem] = path
    if not found:
        raise InputError(f"{folder} holds no {what} ({', '.join(sorted(EXTENSIONS))}).")
    return found


def pair_by_image(
    first: Mapping[str, Path], second: Mapping[str, Path]
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the files of two folders by stems that are the same for the same image.

    Parameters
    ----------
    first, second
        The files by their own stems, as `by_stem` finds them.

    Raises
    ------
    InputError
        If several files of a folder may be of one image.
    """
    paired: tuple[dict[str, Path], dict[str, Path]] = {}, {}
    images = [_by_image(each) for each in (first, second)]
    for image in images[0].keys() | images[1].keys():
        stems = [each.get(image, []) for each in images]
        if set(stems[0]) == set(stems[1]) or not all(stems):
            names = [{stem: stem for stem in each} for each in stems]
        else:
            names = [
                {image: _only_mask(each, files)}
                for each, files in zip(stems, (first, second), strict=True)
            ]
        for found, files, each in zip(paired, (first, second), names, strict=True):
            found |= {name: files[stem] for name, stem in each.items()}
    return paired


def _by_image(files: Iterable[str]) -> dict[str, list[str]]:
    """Return the stems of files by the stem of the image that they are named after."""
    found: dict[str, list[str]] = {}
    for stem in files:
        found.setdefault(without_mask_ending(stem), []).append(stem)
    return found


def _only_mask(stems: Sequence[str], files: Mapping[str, Path]) -> str:
    """Return the only stem with the ending of a mask, or the only one that there is."""
    if len(stems) == 1:
        return stems[0]
    ended = [stem for stem in stems if without_mask_ending(stem) != stem]
    if len(ended) == 1:
        return ended[0]
    names = " and ".join(f"'{files[stem].name}'" for stem in ended[:2])
    raise InputError(
        f"{files[ended[0]].parent}: {names} may both be of one image: keep one of them."
    )


def class_names_of(classes: ClassTable, stem: str, path: Path) -> Mapping[int, str]:
    """Return the class of each instance of a file, which a table names as its image, or itself."""
    return classes.get(stem) or classes.get(same_form(path.stem)) or {}


@contextmanager
def writing_into(out: Path) -> Iterator[None]:
    """Make a folder to write into; what the disk refuses is an `InputError`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from None


def write_tiff(path: Path, array: NDArray[Any], **options: Any) -> None:
    """Write a compressed gray TIFF of the type of `array`, whole or not at all."""
    import tifffile

    options |= {"compression": "zlib", "photometric": "minisblack"}
    replace_file(path, lambda partial: tifffile.imwrite(partial, array, **options))


def write_labels(path: Path, ids: NDArray[np.integer], image: ImageRef | None = None) -> None:
    """Write instance ids as uint16 where they fit, int32 otherwise; of an image, with its size."""
    stored = ids.astype(ids_type(int(ids.max(initial=0))), copy=False)
    write_tiff(path, stored, **_size_tags(image))


def _size_tags(image: ImageRef | None) -> dict[str, Any]:
    """Return how the size of a pixel along y and x is written: as pixels a centimeter."""
    if image is None or image.pixel_size is None:
        return {}
    y, x = image.pixel_size[-2:]
    sizes = in_micrometers({"y": (y, image.unit), "x": (x, image.unit)})
    if len(sizes) < 2 or min(sizes.values()) < _LEAST_UM:
        return {}
    per_centimeter = (1e4 / sizes["x"], 1e4 / sizes["y"])
    return {"resolution": per_centimeter, "resolutionunit": "CENTIMETER"}


def ids_type(largest: int) -> type[np.uint16 | np.int32]:
    """Return the type in which instance ids up to the largest are written."""
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.int32


def write_regions(
    path: Path, values: NDArray[np.integer[Any]], image: ImageRef | None = None
) -> None:
    """Write class values as uint8, unknown pixels as 255; of an image, with its size."""
    write_tiff(path, encode_regions(values), **_size_tags(image))


def write_image(path: Path, image: FloatImage) -> None:
    """Write a (channel, [z,] y, x) image as float32, one channel without its axis."""
    axes = "CZYX" if image.ndim == 4 else "CYX"
    if len(image) == 1:
        image, axes = image[0], axes[1:]
    write_tiff(path, image.astype(np.float32), metadata={"axes": axes})


def write_classes(folder: Path, names: Mapping[int, str]) -> None:
    """Write what class values are called, with the background."""
    write_class_names(folder / CLASSES_FILE, {0: "background", **names})


def name_targets(out: Path, refs: Sequence[ImageRef]) -> list[Path]:
    """Return ``STEM.tif`` in a folder for each image; see `unique_names`.

    Raises
    ------
    InputError
        If an image is given twice.
    """
    targets = [out / f"{PurePosixPath(name).stem}.tif" for name in unique_names(refs)]
    for number, target in enumerate(targets):
        if target in targets[:number]:
            raise InputError(f"Image '{refs[number].uri}' is given twice: give it once.")
    return targets


def refuse_existing(
    paths: Iterable[Path], overwrite: bool, inputs: Iterable[Path], option: str = "--out"
) -> None:
    """Refuse to replace files without leave, and to replace what is read with any.

    Parameters
    ----------
    paths
        What is to be written.
    overwrite
        Existing files may be replaced.
    inputs
        Files and folders that are read, see `storage.uris.named_files`.
    option
        What named the place.

    Raises
    ------
    InputError
        If a file exists and may not be replaced, or an input would change.
    """
    kept = {Path(os.path.realpath(path)) for path in inputs}
    above = {folder for path in kept for folder in path.parents}
    for path in paths:
        real = Path(os.path.realpath(path))
        is_plane = real.suffix.lower() in PLANE_SUFFIXES and real.parent in kept
        if is_plane or real in kept or real in above:
            raise InputError(
                f"{path} is not written: it would change an image or masks that are read. Give "
                f"another {option}."
            )
        if not overwrite and is_there(path):
            raise InputError(
                f"{path} exists already: give another {option}, or --overwrite to replace it."
            )


def read_classes(folder: Path) -> dict[str, dict[int, str]] | None:
    """Read the class of each instance from a folder's objects.csv; None where there is none.

    Returns
    -------
    File stem -> instance id -> class name.

    Raises
    ------
    InputError
        If a column is missing, or an id is no whole number; the message names the row.
    """
    path = folder / OBJECTS_FILE
    if not path.exists():
        return None
    classes: dict[str, dict[int, str]] = {}
    for where, row in read_rows(path, OBJECT_CLASSES):
        if not row["id"].isdecimal() or not row["image"] or not row["class"]:
            raise InputError(f"{where}: needs an image, a whole-number id and a class.")
        classes.setdefault(same_form(Path(row["image"]).stem), {})[int(row["id"])] = row["class"]
    return classes


def read_labels(
    path: Path, classes: Mapping[int, str], values: Mapping[str, int]
) -> InstanceLabels:
    """Read a label image, with the class of each of its instances.

    Parameters
    ----------
    path
        The label image.
    classes
        Instance id -> class name, from the folder's objects.csv.
    values
        Class name -> class value. With a single one, instances need no class.

    Raises
    ------
    InputError
        If the file holds no ids, or one of several classes is missing.
    """
    labels = read_label_file(path)
    present = {i: labels.stored_id(i) for i in labels.classes}
    if len(values) > 1 and (missing := present.values() - classes.keys()):
        raise InputError(
            f"{path.parent / OBJECTS_FILE} has no row for id {min(missing)} of {path.name}."
        )
    named = {i: values[classes[own]] for i, own in present.items() if own in classes}
    return replace(labels, classes=named)
