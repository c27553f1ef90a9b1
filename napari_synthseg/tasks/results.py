"""What all tasks have in common in writing predictions to files and scoring them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_synthseg.core.annotations import NEGATIVE_NAME, Click, ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import BoxLabels, Labels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    ObjectPrediction,
    Prediction,
)
from napari_synthseg.core.scores import Measured, Scores, ScoringOptions
from napari_synthseg.io.naming import plane_name, same_form
from napari_synthseg.io.result_files import OBJECTS_FILE, by_stem, pair_by_image
from napari_synthseg.io.tables import Columns, TableRow, read_rows, to_number, write_rows

BOX_COLUMNS = ("ymin", "xmin", "ymax", "xmax")
DEPTH_COLUMNS = ("z", "zmin", "zmax")

CENTER_COLUMNS = Columns(("image", "class", "y", "x"), ("z",), frozenset("zyx"), others=True)
"""What is read of a table of centers, ours or not."""

NamedCenters = tuple[list[tuple[float, ...]], list[str]]
"""Positions ([z,] y, x) and class names of the objects of an image."""


@dataclass(frozen=True, eq=False)
class ImageResult:
    """A prediction, its image, and what is known of it.

    Attributes
    ----------
    truth
        In pixels of the image's region; None: there is none that the task is scored against.
    clicks
        All clicks on the image, in pixels of the whole image.
    incomplete
        Class values of which not every object is in the truth.
    file_name
        What files and tables call the image, where others have its own name; see `unique_names`.
    """

    ref: ImageRef
    prediction: Prediction
    truth: Labels | None = None
    clicks: tuple[Click, ...] = ()
    incomplete: frozenset[int] = frozenset()
    file_name: str = ""

    @property
    def name(self) -> str:
        """What tables call the image."""
        return self.file_name or plane_name(self.ref)

    @property
    def stem(self) -> str:
        """Stem of the files of the image."""
        return Path(self.name).stem

    @property
    def clicks_are_truth(self) -> bool:
        """Whether clicks say what is on the image, and nothing was learned from them."""
        return bool(self.clicks) and self.ref.role != "train"


@dataclass(frozen=True)
class Written:
    """What was written: figures for programs, sentences for people, and warnings."""

    figures: Mapping[str, Any]
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()


# --- files ---------------------------------------------------------------------------------------


class ResultWriter(ABC):
    """Writes what is found on one image after the other, then the tables of all.

    Parameters
    ----------
    out
        A folder that exists.
    class_names
        Of the project, by class value; what has another value is called by it.
    """

    def __init__(self, out: Path, class_names: Mapping[int, str]) -> None:
        self.out, self.class_names = out, class_names

    @abstractmethod
    def add(self, result: ImageResult) -> None:
        """Write the files of one image, and keep its rows for the tables; not its pixels."""

    @abstractmethod
    def finish(self) -> Written:
        """Write the tables."""


class ObjectWriter(ResultWriter):
    """Writes objects.csv of objects, boxes or points."""

    def __init__(self, out: Path, class_names: Mapping[int, str]) -> None:
        super().__init__(out, class_names)
        self.results = list[ImageResult]()
        self._objects = list[Sequence[FoundPoint]]()

    def add(self, result: ImageResult) -> None:
        """Keep the objects of an image."""
        assert isinstance(result.prediction, ObjectPrediction)
        self.results.append(replace(result, prediction=BoxPrediction(objects=())))
        self._objects.append(result.prediction.objects)

    def finish(self) -> Written:
        """Write the table."""
        write_object_table(self.out / OBJECTS_FILE, self.results, self._objects, self.class_names)
        each = zip(self.results, self._objects, strict=True)
        counts = {one.stem: len(objects) for one, objects in each}
        total = sum(counts.values())
        empty = [stem for stem, count in counts.items() if count == 0]
        return Written(
            {"objects": total, "per_image": counts},
            (f"{total} objects on {len(counts)} image(s), written to {self.out}.",),
            (f"no object was found on {', '.join(empty)}.",) if empty else (),
        )


def write_object_table(
    path: Path,
    results: Sequence[ImageResult],
    found: Sequence[Sequence[FoundPoint]],
    class_names: Mapping[int, str],
    measures: Sequence[Sequence[Mapping[str, float]]] = (),
) -> None:
    """Write a row for each of the objects found on each image, with its box if it has one.

    `measures` are those of each object, by the name of their column; what one lacks stays empty.
    """
    deep = any(one.ref.ndim == 3 for one in results)
    measured = list(dict.fromkeys(name for rows in measures for row in rows for name in row))
    columns = (
        "image", "id", "class", "score", "y", "x", *BOX_COLUMNS, *DEPTH_COLUMNS * deep, *measured,
    )  # fmt: skip
    known = measures or [[{}] * len(objects) for objects in found]
    rows = (
        (one.name, thing.id, class_names.get(thing.cls, str(thing.cls)), round(thing.score, 4),
         *_place(thing, deep), *(_short(own.get(name)) for name in measured))
        for one, objects, of_image in zip(results, found, known, strict=True)
        for thing, own in zip(objects, of_image, strict=True)
    )  # fmt: skip
    write_rows(path, columns, rows)


def _short(value: float | None) -> float | str:
    """Return a measure with as many digits as it is worth."""
    return "" if value is None else float(f"{value:.6g}")


def _place(thing: FoundPoint, deep: bool) -> tuple[object, ...]:
    """Return center and box, empty cells for what is not known."""
    box: Sequence[tuple[object, object]] = [("", "")] * len(thing.center)
    if isinstance(thing, FoundObject):
        box = thing.box
    return (
        *(round(p, 2) for p in thing.center[-2:]),
        *(start for start, _ in box[-2:]),
        *(stop for _, stop in box[-2:]),
        *((round(thing.center[0], 2), *box[0]) if deep else ()),
    )


# --- scores --------------------------------------------------------------------------------------


def measured_on(results: Sequence[ImageResult]) -> Measured:
    """Return "synthetic" if one of the images is."""
    return "synthetic" if any(one.ref.synthetic for one in results) else "real"


def class_names(classes: Sequence[ObjectClass]) -> dict[int, str]:
    """Return class value -> name."""
    return {c.value: c.name for c in classes}


def diameters_on(ref: ImageRef, classes: Sequence[ObjectClass]) -> dict[int, float]:
    """Return class value -> diameter on an image, pixels along its finest axis.

    Raises
    ------
    InputError
        If a class has a length, and the image no pixel size.
    """
    return {c.value: c.diameter_px(ref) for c in classes}


def names_of(classes: Sequence[ObjectClass], values: Iterable[Collection[int]]) -> tuple[str, ...]:
    """Return the names of the classes that have one of some values."""
    wanted = {value for some in values for value in some}
    return tuple(c.name for c in classes if c.value in wanted)


def truth_words(truths: Iterable[Labels | None]) -> str:
    """Return what the truth is, for the caption."""
    kinds = {"boxes" if isinstance(truth, BoxLabels) else "masks" for truth in truths}
    return " and ".join(sorted(kinds))


def matching_files(
    predicted: Path, truth: Path
) -> tuple[list[str], dict[str, Path], dict[str, Path]]:
    """Return the stems that two folders of images share, and all true and predicted files by stem.

    What programs put behind the name of an image to name its masks, `MASK_ENDINGS`, may differ; a
    file without such an ending beside one with it is the image itself.

    Raises
    ------
    InputError
        If there is none, or several files of a folder may be of one image.
    """
    true_files, predicted_files = pair_by_image(by_stem(truth), by_stem(predicted))
    stems = sorted(true_files.keys() & predicted_files.keys())
    if not stems:
        raise InputError(f"No file in {predicted} has the stem of a file in {truth}.")
    return stems, true_files, predicted_files


def warn_unmatched(true: Collection[str], predicted: Collection[str]) -> list[str]:
    """Warn of images that only one side has, by file stem."""
    warnings = []
    if missing := sorted(set(true) - set(predicted)):
        warnings.append(f"{len(missing)} true image(s) have no prediction, such as {missing[0]}.")
    if extra := sorted(set(predicted) - set(true)):
        warnings.append(f"{len(extra)} prediction(s) have no true image, such as {extra[0]}.")
    return warnings


def scored_images(results: Sequence[ImageResult]) -> list[ImageResult]:
    """Return the images that are scored: those with truth; where none has any, by their clicks."""
    true = [one for one in results if one.truth is not None]
    return true or [one for one in results if one.clicks_are_truth]


def score_on_clicks(results: Sequence[ImageResult], classes: Sequence[ObjectClass]) -> Scores:
    """Score objects by their centers, against the clicks on images that are not for training.

    Raises
    ------
    InputError
        If there are no such clicks.
    """
    from napari_synthseg.metrics.localization import Centers, score_centers

    known = [one for one in results if one.clicks_are_truth]
    if not known:
        raise InputError(
            "None of these images has ground truth: import true masks for an image, or click the "
            "objects of an image that is not used for training."
        )
    pairs = []
    for one in known:
        assert isinstance(one.prediction, ObjectPrediction)
        spacing = one.ref.spacing
        true = Centers.of(
            [scaled(c.position, spacing) for c in one.clicks], [c.cls for c in one.clicks]
        )
        objects = one.prediction.objects
        found = Centers.of(
            [scaled(o.center, spacing) for o in objects], [o.cls for o in objects], one.ref.ndim
        )
        pairs.append((one.ref.name, true, found))
    return score_centers(
        pairs,
        class_names(classes),
        [diameters_on(one.ref, classes) for one in known],
        measured_on=measured_on(known),
        incomplete=[one.ref.name for one in known if not one.ref.exhaustive],
    )


def scaled(position: Sequence[float], spacing: Sequence[float]) -> tuple[float, ...]:
    """Return a position in pixels of the finest axis."""
    return tuple(p * s for p, s in zip(position, spacing, strict=True))


def score_center_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score the centers of a table, or of a folder that `predict` wrote, on the truth's images.

    Parameters
    ----------
    predicted
        CSV with the columns of `CENTER_COLUMNS`; or a folder with such an objects.csv.
    truth
        CSV with these columns, as `export --what clicks` writes it; negative clicks do not count.
        It names every image that is to be scored.
    how
        `tolerance` is how far a center may be from the true one, in pixels.

    Raises
    ------
    InputError
        If a table cannot be read, the tolerance is missing, or no image is in both.
    """
    from napari_synthseg.metrics.localization import Centers, score_centers

    if not how.tolerance:
        raise InputError(
            "Centers count as found up to a distance: give --tolerance, in pixels, such as half a "
            "diameter."
        )
    path = predicted / OBJECTS_FILE if predicted.is_dir() else predicted
    true, found = (
        {stem: _read_centers(rows) for stem, (_, rows) in rows_by_image(p, CENTER_COLUMNS).items()}
        for p in (truth, path)
    )
    if not true.keys() & found.keys():
        raise InputError(f"No image of {path} has the stem of an image in {truth}.")
    classes = {cls for table in (true, found) for _, named in table.values() for cls in named}
    values = {name: value for value, name in enumerate(sorted(classes), start=1)}

    def centers(stem: str, table: Mapping[str, NamedCenters]) -> Centers:
        positions, named = table.get(stem, ([], []))
        return Centers.of(positions, [values[cls] for cls in named])

    scores = score_centers(
        [(stem, centers(stem, true), centers(stem, found)) for stem in true],
        {value: name for name, value in values.items()},
        dict.fromkeys(values.values(), 2 * how.tolerance),
        measured_on=how.measured_on,
    )
    warnings = (*warn_unmatched(true, found), *scores.warnings)
    return scores.model_copy(update={"warnings": warnings})


def rows_by_image(path: Path, columns: Columns) -> dict[str, tuple[str, list[TableRow]]]:
    """Read a table; return file stem -> name and rows of the image.

    Raises
    ------
    InputError
        If it cannot be read, an image is missing, or two have one stem; the message names the row.
    """
    images: dict[str, tuple[str, list[TableRow]]] = {}
    for where, cells in read_rows(path, columns):
        name = cells["image"]
        if not name:
            raise InputError(f"{where}: the image is missing.")
        first, rows = images.setdefault(same_form(Path(name).stem), (name, []))
        if name != first:
            raise InputError(
                f"{where}: '{name}' and '{first}' have the same stem: rename one of them."
            )
        rows.append((where, cells))
    return images


def _read_centers(rows: Sequence[TableRow]) -> NamedCenters:
    positions, classes = [], []
    for where, cells in rows:
        if cells["class"] == NEGATIVE_NAME:
            continue
        axes = "zyx" if cells.get("z") else "yx"
        positions.append(tuple(to_number(where, axis, cells[axis]) for axis in axes))
        classes.append(cells["class"])
    return positions, classes
