"""Scores of heat maps in a folder, against true masks or boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.io.boxes.table import read_boxes
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import check_budget
from napari_synthseg.io.result_files import (
    by_stem,
    class_names_of,
    pair_by_image,
    read_classes,
    read_labels,
)
from napari_synthseg.metrics.heat_maps.scores import score_heat_maps

SEPARATOR = "__"
"""Between the stem of the image and the class in the name of a heat map."""

PEAK_THRESHOLD = 0.5

SCORE_OPTIONS = ("ignore", "threshold", "tolerance")
"""Options of `ScoringOptions` that `score_map_files` takes."""

ReadTruth = Callable[[str, Mapping[str, int]], InstanceLabels | Boxes]
"""Reads the truth of one file stem; class name -> value."""


def score_map_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score the heat maps of a folder against true masks or boxes of the same file stem.

    Parameters
    ----------
    predicted
        Folder of heat maps named STEM__CLASS.tif.
    truth
        Folder of label images, with an objects.csv where there are several classes; or a CSV
        table of boxes.
    how
        The tolerance is in diameters of the objects; for the rest see `score_heat_maps`.

    Raises
    ------
    InputError
        If a file cannot be read, or no heat map belongs to an image of the truth.
    """
    files = by_stem(predicted, "heat map")
    shown = {image for stem in files for image, _ in _splits(stem)}
    stems, classes, read_truth = _open_truth(truth, shown)
    maps, warnings = _sort_maps(files, stems, classes)
    names = sorted(classes or {name for found in maps.values() for name in found})
    if not maps:
        raise InputError(
            f"No file in {predicted} is named STEM{SEPARATOR}CLASS.tif after an image of {truth} "
            "and one of its classes."
        )
    if not classes and len(names) > 1:
        raise InputError(
            f"{truth} does not say which object is of which class, but there are heat maps of "
            f"{', '.join(names)}: add an objects.csv (image,id,class)."
        )
    values = {name: value for value, name in enumerate(names, start=1)}
    if missing := sorted(stems - maps.keys()):
        warnings.append(f"{len(missing)} true image(s) have no heat map, such as {missing[0]}.")

    def images() -> Iterator[tuple[str, InstanceLabels | Boxes, dict[int, NDArray[Any]]]]:
        for stem, found in maps.items():
            heats = {values[name]: read_heat_file(path) for name, path in found.items()}
            yield stem, read_truth(stem, values), heats

    scores = score_heat_maps(
        images(),
        {value: name for name, value in values.items()},
        measured_on=how.measured_on,
        truth="masks" if truth.is_dir() else "boxes",
        tolerance=how.tolerance or 0.0,
        threshold=PEAK_THRESHOLD if how.threshold is None else how.threshold,
        incomplete_classes=how.ignore,
    )
    return scores.model_copy(update={"warnings": (*warnings, *scores.warnings)})


def read_heat_file(path: Path) -> NDArray[Any]:
    """Read a heat map, shape (y, x), of any type of number.

    Raises
    ------
    InputError
        If it is damaged, or has more than one channel or plane.
    """
    stored = open_file(path)
    check_budget(f"'{path.name}'", math.prod(stored.shape), stored.dtype.itemsize)
    values = stored.read(tuple(slice(0, n) for n in stored.shape))
    extra = tuple(i for i, axis in enumerate(stored.axes) if axis not in "yx")
    if any(values.shape[i] != 1 for i in extra):
        raise InputError(
            f"'{path.name}' has axes '{stored.axes}' and shape {stored.shape}: a heat map has one "
            "channel and one plane."
        )
    return np.squeeze(values, extra)


def _open_truth(path: Path, images: Collection[str]) -> tuple[set[str], set[str], ReadTruth]:
    """Return the stems of the truth, its classes (none if it has no names), and how to read it.

    `images` are the stems of the images that the heat maps may be of.
    """
    if not path.is_dir():
        boxes = read_boxes(path, scored=False)
        return set(boxes.names), boxes.classes, boxes.of_image
    files, _ = pair_by_image(by_stem(path), dict.fromkeys(images, path))
    named = read_classes(path) or {}
    classes = {name for objects in named.values() for name in objects.values()}

    def read_truth(stem: str, values: Mapping[str, int]) -> InstanceLabels:
        known = class_names_of(named, stem, files[stem])
        return read_labels(files[stem], known, values)

    return set(files), classes, read_truth


def _sort_maps(
    files: Mapping[str, Path], stems: Collection[str], classes: Collection[str]
) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """Return stem of the image -> class -> file, and warnings of files that belong to none."""
    maps: dict[str, dict[str, Path]] = {}
    strangers, unknown = [], set()
    for file_stem, path in files.items():
        on_image = [(stem, name) for stem, name in _splits(file_stem) if stem in stems]
        meant = [(stem, name) for stem, name in on_image if not classes or name in classes]
        if len(meant) > 1:
            raise InputError(
                f"'{path.name}' may mean {' or '.join(f'{n} on {s}' for s, n in meant)}: rename it."
            )
        if meant:
            stem, name = meant[0]
            maps.setdefault(stem, {})[name] = path
        elif on_image:
            unknown.add(on_image[0][1])
        else:
            strangers.append(path.name)
    warnings = []
    if unknown:
        warnings.append(
            f"Heat maps of {_listed(unknown)} are left out: the truth has no such class."
        )
    if strangers:
        warnings.append(f"{len(strangers)} file(s) belong to no true image: {_listed(strangers)}.")
    return maps, warnings


def _splits(stem: str) -> Iterator[tuple[str, str]]:
    """Yield every way to part a file stem into image and class."""
    parts = stem.split(SEPARATOR)
    for i in range(1, len(parts)):
        yield SEPARATOR.join(parts[:i]), SEPARATOR.join(parts[i:])


def _listed(names: Iterable[str]) -> str:
    several = sorted(names)
    return ", ".join(several[:3]) + (", ..." if len(several) > 3 else "")
