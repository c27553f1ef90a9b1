"""The files of predicted objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.io.result_files import write_labels
from napari_synthseg.tasks.files import NamedPrediction, Written, write_objects


def write_predictions(
    out: Path, predictions: Sequence[NamedPrediction], class_names: Mapping[int, str]
) -> Written:
    """Write STEM.tif with instance ids, and objects.csv."""
    for one in predictions:
        assert isinstance(one.prediction, InstancePrediction)
        write_labels(out / f"{one.stem}.tif", one.prediction.ids)
    return write_objects(out, predictions, class_names)
