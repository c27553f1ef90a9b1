"""Two folders of class values, looked at before they are scored: do they fit, what do they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN
from napari_synthseg.io.class_tables import read_class_names
from napari_synthseg.io.labels import UNKNOWN_VALUE, means_class_one, read_class_file
from napari_synthseg.io.result_files import CLASSES_FILE, OBJECTS_FILE

MAX_CLASSES = 255
"""More distinct values than this are no classes."""

MANY_VALUES = 30
"""More distinct values than this are hardly classes."""


@dataclass(frozen=True)
class ClassFolder:
    """The images of class values of one side.

    Attributes
    ----------
    files
        Stem -> file.
    values
        Stem -> values that occur in the image, as they are read.
    white_is_one
        Whether 255 is read as 1.
    """

    files: Mapping[str, Path]
    values: Mapping[str, frozenset[int]]
    white_is_one: bool = False

    @property
    def path(self) -> Path:
        """The folder itself."""
        return next(iter(self.files.values())).parent

    def all_values(self) -> frozenset[int]:
        """Return the values that occur in any image."""
        return frozenset[int]().union(*self.values.values())

    def read(self, stem: str) -> NDArray[np.int64]:
        """Return the class values of an image."""
        values = read_class_file(self.files[stem])
        return np.where(values == UNKNOWN_VALUE, 1, values) if self.white_is_one else values

    def with_white_as_one(self) -> ClassFolder:
        """Return the same folder, with 255 read as 1."""
        values = {
            stem: frozenset(1 if value == UNKNOWN_VALUE else value for value in found)
            for stem, found in self.values.items()
        }
        return replace(self, values=values, white_is_one=True)


def survey(
    stems: Iterable[str], true_files: Mapping[str, Path], predicted_files: Mapping[str, Path]
) -> tuple[ClassFolder, ClassFolder]:
    """Look once at all images that are to be compared, and return the true and the predicted ones.

    Raises
    ------
    InputError
        If one cannot be read, or two of a stem differ in shape; the message names both.
    """
    found: tuple[dict[str, frozenset[int]], ...] = ({}, {})
    for stem in stems:
        files = true_files[stem], predicted_files[stem]
        true, given = (read_class_file(path) for path in files)
        if true.shape != given.shape:
            raise InputError(
                f"{files[0]} has the shape {true.shape}, {files[1]} has {given.shape}: give both "
                "the same shape."
            )
        for values, array in zip(found, (true, given), strict=True):
            values[stem] = _distinct(array)
    return ClassFolder(true_files, found[0]), ClassFolder(predicted_files, found[1])


def _distinct(array: NDArray[np.int64]) -> frozenset[int]:
    import pandas as pd

    return frozenset(pd.unique(array.ravel()).tolist())  # quicker than numpy's, which sorts


def read_names(truth: Path, predicted: Path) -> dict[int, str] | None:
    """Return class value -> name as the classes.csv of either folder says; None without any.

    Raises
    ------
    InputError
        If a table cannot be read, or the two do not agree.
    """
    paths = [f / CLASSES_FILE for f in (truth, predicted) if (f / CLASSES_FILE).exists()]
    names: dict[int, str] = {}
    for path in paths:
        values = {name: value for value, name in names.items()}
        for value, name in read_class_names(path).items():
            if names.setdefault(value, name) != name or values.get(name, value) != value:
                raise InputError(
                    f"{paths[0]} and {path} do not agree on class '{name}' with the value {value}: "
                    "give each class the same name and value in both."
                )
    return names if paths else None


def holds_ids(folder: ClassFolder) -> bool:
    """Tell whether the values of a folder that no table names are hardly those of classes.

    So it is where a table of objects lies beside them, or where there are very many.
    """
    has_table = (folder.path / OBJECTS_FILE).exists()
    return has_table or len(folder.all_values()) > MANY_VALUES


def name_values(true: ClassFolder, given: ClassFolder, ignore: int | None) -> dict[int, str]:
    """Make a class of every value that occurs but 0, where no table names them.

    Raises
    ------
    InputError
        If there are so many that they are ids of objects rather than classes.
    """
    values = (true.all_values() - {ignore}) | given.all_values()
    values -= {0, UNKNOWN}
    if len(values) > MAX_CLASSES:
        most = max((true, given), key=lambda folder: len(folder.all_values()))
        raise InputError(
            f"{most.path} holds {len(most.all_values()):,} different values, too many for classes: "
            "if they are ids of objects, give --task segment."
        )
    return {value: f"class {value}" for value in sorted(values)}


def read_white_as_one(
    true: ClassFolder, given: ClassFolder, names: Mapping[int, str] | None, ignore: int | None
) -> tuple[ClassFolder, ClassFolder]:
    """Let 255 be 1 in folders where it means that; see `io.labels`.

    Parameters
    ----------
    true, given
        The folders.
    names
        Class value -> name, if a table tells.
    ignore
        Value of true pixels that do not count.
    """

    def converted(folder: ClassFolder, other: ClassFolder, ignored: int | None) -> ClassFolder:
        known = names if names is not None else other.all_values() - {UNKNOWN, ignore}
        is_one = ignored != UNKNOWN_VALUE and means_class_one(folder.all_values(), known)
        return folder.with_white_as_one() if is_one else folder

    return converted(true, given, ignore), converted(given, true, None)


def refuse_unknown(
    true: ClassFolder, given: ClassFolder, names: Mapping[int, str], ignore: int | None
) -> None:
    """Raise `InputError` at the first image with a value that counts and has no name."""
    known, left_out = {0, *names}, [UNKNOWN] if ignore is None else [UNKNOWN, ignore]
    told = f"which is not in {CLASSES_FILE} ({', '.join(str(v) for v in sorted(known))})"
    for stem, values in true.values.items():
        if extra := values - known - set(left_out):
            raise InputError(
                f"{true.files[stem]} holds the value {min(extra)}, {told}: add it there, or give "
                f"--ignore {min(extra)}."
            )
    for stem, values in given.values.items():
        if values <= known:
            continue
        counts = ~np.isin(true.read(stem), left_out)
        if extra := _distinct(given.read(stem)[counts]) - known:
            raise InputError(
                f"{given.files[stem]} holds the value {min(extra)}, {told}: add it there, or "
                "correct the prediction."
            )
