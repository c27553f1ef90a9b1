"""All objects that were found on images, in one table with what can be measured of each."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import (
    FoundPoint,
    InstancePrediction,
    ObjectPrediction,
    PointPrediction,
    Prediction,
)
from napari_synthseg.core.progress import Progress, in_turn, subprogress
from napari_synthseg.io.naming import unique_names
from napari_synthseg.metrics.many_measurements import MeasureColumns, measure_objects, rows_of
from napari_synthseg.metrics.measurements import Measures, locate
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.tasks.results import ImageResult, write_object_table
from napari_synthseg.workflow.found.stored_pixels import StoredPixels


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """Objects of some images, one image after the other.

    Attributes
    ----------
    images
        That were looked at.
    image_numbers
        Place in `images` of the image of each object, shape (object,).
    objects
        As they were found.
    measures
        Name of a measure -> value of each object, shape (object,); NaN where there is none.
    """

    images: tuple[ImageRef, ...]
    image_numbers: NDArray[np.intp]
    objects: tuple[FoundPoint, ...]
    measures: MeasureColumns

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """Class value of each object."""
        return np.array([o.cls for o in self.objects], np.int64)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Score of each object."""
        return np.array([o.score for o in self.objects], np.float64)

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """Position (y, x) of each object, pixels, shape (object, 2)."""
        return np.array([o.center[-2:] for o in self.objects], np.float64).reshape(-1, 2)

    @cached_property
    def rows_by_id(self) -> dict[tuple[str, int], int]:
        """(id of an image, id of an object) -> row."""
        numbers = self.image_numbers.tolist()
        pairs = zip(numbers, self.objects, strict=True)
        return {(self.images[n].id, o.id): row for row, (n, o) in enumerate(pairs)}

    def measures_of(self, rows: NDArray[np.intp]) -> list[dict[str, float]]:
        """Return what is known of some objects, by the name of the measure."""
        return rows_of({name: values[rows] for name, values in self.measures.items()}, len(rows))


def write_table(
    path: Path, table: ObjectTable, rows: NDArray[np.intp], class_names: Mapping[int, str]
) -> None:
    """Write some rows in their order, as `export --what objects` writes all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    file_names = unique_names(table.images)
    measures = table.measures_of(rows)
    results, found, known = list[ImageResult](), list[list[FoundPoint]](), list[list[Measures]]()
    for row, own in zip(rows.tolist(), measures, strict=True):
        number = int(table.image_numbers[row])
        if not results or results[-1].ref is not table.images[number]:
            nothing = PointPrediction(objects=())
            ref = table.images[number]
            results.append(ImageResult(ref, nothing, file_name=file_names[number]))
            found.append([])
            known.append([])
        found[-1].append(table.objects[row])
        known[-1].append(own)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_object_table(path, results, found, class_names, known)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None


def tabulate(
    found: Sequence[tuple[ImageRef, Prediction]], folder: Path
) -> Generator[Progress, None, ObjectTable]:
    """Measure all objects of some predictions; those without objects are left out."""
    kept = [(ref, p) for ref, p in found if isinstance(p, ObjectPrediction)]
    works = [measure_found(prediction, ref, folder) for ref, prediction in kept]
    columns = yield from in_turn(works)
    names = dict.fromkeys(name for each in columns for name in each)
    lengths = [len(p.objects) for _, p in kept]
    table = ObjectTable(
        tuple(ref for ref, _ in kept),
        np.repeat(np.arange(len(kept)), lengths),
        tuple(thing for _, prediction in kept for thing in prediction.objects),
        {name: _joined(name, columns, lengths) for name in names},
    )
    _ = table.classes, table.scores, table.centers, table.rows_by_id  # here, not in the window
    return table


def _joined(
    name: str, columns: Sequence[MeasureColumns], lengths: Sequence[int]
) -> NDArray[np.float64]:
    missing = (np.full(length, np.nan) for length in lengths)
    parts = zip(columns, missing, strict=True)
    return np.concatenate([each.get(name, nothing) for each, nothing in parts])


def measure_found(
    prediction: ObjectPrediction, ref: ImageRef, folder: Path
) -> Generator[Progress, None, MeasureColumns]:
    """Measure the objects of one prediction, each of shape (object,), in their order.

    Intensities are those of all channels of the image, also of those that are not used to find
    objects. Of objects without pixels only the position is known.
    """
    objects = prediction.objects
    words = f"measuring the objects of {ref.name}"
    yield Progress(0.0, words)
    places = [locate(o.center, ref) for o in objects]
    columns = {name: np.array([own[name] for own in places]) for name in (places or [{}])[0]}
    if not isinstance(prediction, InstancePrediction):
        return columns
    pixels = StoredPixels(open_pixels(ref.with_all_channels(), folder))
    work = measure_objects(
        prediction.ids, [o.id for o in objects], ref, pixels.read, prediction.region_origin
    )
    return columns | (yield from subprogress(work, message=words))
