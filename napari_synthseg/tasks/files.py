"""The files that predictions are written to; objects.csv is that of all tasks that find objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.predictions import FoundObject, FoundPoint, ObjectPrediction, Prediction
from napari_synthseg.io.naming import plane_name
from napari_synthseg.io.result_files import OBJECTS_FILE
from napari_synthseg.io.tables import write_rows

BOX_COLUMNS = ("ymin", "xmin", "ymax", "xmax")
DEPTH_COLUMNS = ("z", "zmin", "zmax")


@dataclass(frozen=True, eq=False)
class NamedPrediction:
    """A prediction and its image."""

    ref: ImageRef
    prediction: Prediction

    @property
    def name(self) -> str:
        """What tables call the image."""
        return plane_name(self.ref)

    @property
    def stem(self) -> str:
        """Stem of the files of the image."""
        return Path(self.name).stem


@dataclass(frozen=True)
class Written:
    """What was written: figures for programs, sentences for people, and warnings."""

    figures: Mapping[str, Any]
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def write_objects(
    out: Path, predictions: Sequence[NamedPrediction], class_names: Mapping[int, str]
) -> Written:
    """Write objects.csv of objects, boxes or points."""
    found = {}
    for one in predictions:
        assert isinstance(one.prediction, ObjectPrediction)
        found[one.stem] = one.prediction.objects
    write_object_table(out / OBJECTS_FILE, predictions, list(found.values()), class_names)
    counts = {stem: len(objects) for stem, objects in found.items()}
    total = sum(counts.values())
    empty = [stem for stem, count in counts.items() if count == 0]
    return Written(
        {"objects": total, "per_image": counts},
        (f"{total} objects on {len(counts)} image(s), written to {out}.",),
        (f"no object was found on {', '.join(empty)}.",) if empty else (),
    )


def write_object_table(
    path: Path,
    predictions: Sequence[NamedPrediction],
    found: Sequence[Sequence[FoundPoint]],
    class_names: Mapping[int, str],
) -> None:
    """Write a row for each of the objects found on each image, with its box if it has one."""
    deep = any(one.ref.ndim == 3 for one in predictions)
    columns = ("image", "id", "class", "score", "y", "x", *BOX_COLUMNS, *DEPTH_COLUMNS * deep)
    rows = (
        (one.name, thing.id, class_names.get(thing.cls, str(thing.cls)), round(thing.score, 4),
         *_place(thing, deep))
        for one, objects in zip(predictions, found, strict=True)
        for thing in objects
    )  # fmt: skip
    write_rows(path, columns, rows)


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
