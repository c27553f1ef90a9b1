"""The files of predicted regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.predictions import RegionPrediction
from napari_synthseg.io.result_files import AREAS_FILE, write_classes, write_regions
from napari_synthseg.io.tables import write_rows
from napari_synthseg.metrics.areas import describe_shares, mean_shares, measure_areas
from napari_synthseg.tasks.files import NamedPrediction, Written

AREA_COLUMNS = ("image", "class", "value", "pixels", "share", "area", "unit")


def write_predictions(
    out: Path, predictions: Sequence[NamedPrediction], class_names: Mapping[int, str]
) -> Written:
    """Write STEM.tif with class values, areas.csv, and classes.csv with what values are called."""
    areas = {}
    for one in predictions:
        assert isinstance(one.prediction, RegionPrediction)
        write_regions(out / f"{one.stem}.tif", one.prediction.values)
        areas[one.stem] = measure_areas(one.prediction.values, class_names, one.ref)
    rows = (
        (one.name, area.name, area.value, area.pixels, f"{area.share:.6f}",
         "" if area.size is None else f"{area.size:.6g}", area.unit)
        for one in predictions
        for area in areas[one.stem]
    )  # fmt: skip
    write_rows(out / AREAS_FILE, AREA_COLUMNS, rows)
    write_classes(out, class_names)
    shares = mean_shares(list(areas.values()))
    return Written(
        {
            "shares": shares,
            "per_image": {s: {a.name: a.share for a in found} for s, found in areas.items()},
        },
        (f"{len(predictions)} image(s), written to {out}: {describe_shares(shares)}.",),
    )
