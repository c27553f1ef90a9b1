"""Centers in tables are scored against a table of true ones."""

from __future__ import annotations

from pathlib import Path

from napari_synthseg.core.scores import ScoringOptions
from napari_synthseg.tasks.results import score_center_files


def test_negative_clicks_are_no_true_centers(tmp_path: Path) -> None:
    found, true = tmp_path / "found.csv", tmp_path / "true.csv"
    found.write_text("image,class,y,x\na.tif,cell,10,10\n")
    true.write_text("image,class,y,x\na.tif,cell,11,10\na.tif,not an object,50,50\n")
    scores = score_center_files(found, true, ScoringOptions(tolerance=3.0, measured_on="real"))
    assert (scores.values["found"], scores.values["missed"], scores.values["false"]) == (1, 0, 0)
