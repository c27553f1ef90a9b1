"""The files of predicted boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.predictions import BoxPrediction
from napari_synthseg.io.result_files import CANDIDATES_FILE
from napari_synthseg.tasks.files import (
    NamedPrediction,
    Written,
    write_object_table,
    write_objects,
)


def write_predictions(
    out: Path, predictions: Sequence[NamedPrediction], class_names: Mapping[int, str]
) -> Written:
    """Write objects.csv, and candidates.csv with the boxes of any score."""
    candidates = []
    for one in predictions:
        assert isinstance(one.prediction, BoxPrediction)
        candidates.append(one.prediction.candidates)
    write_object_table(out / CANDIDATES_FILE, predictions, candidates, class_names)
    return write_objects(out, predictions, class_names)
