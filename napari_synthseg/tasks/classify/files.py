"""The file of what images are said to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.predictions import ImageTagsPrediction
from napari_synthseg.io.result_files import LABELS_FILE
from napari_synthseg.io.tables import write_rows
from napari_synthseg.tasks.files import NamedPrediction, Written

COLUMNS = ("image", "class", "score", "shown")


def write_predictions(
    out: Path, predictions: Sequence[NamedPrediction], class_names: Mapping[int, str]
) -> Written:
    """Write labels.csv: a row for each image and class."""
    rows: list[tuple[object, ...]] = []
    shown: dict[str, list[str]] = {}
    for one in predictions:
        tags = one.prediction
        assert isinstance(tags, ImageTagsPrediction)
        reported = tags.class_values_shown()
        named = {value: class_names.get(value, str(value)) for value in tags.probabilities}
        rows += [
            (one.name, name, tags.probabilities[value], int(value in reported))
            for value, name in named.items()
        ]
        shown[one.stem] = [named[value] for value in reported]
    write_rows(out / LABELS_FILE, COLUMNS, rows)
    lines = (f"{stem}: {', '.join(names) or 'nothing'}" for stem, names in shown.items())
    return Written({"per_image": shown}, tuple(lines))
