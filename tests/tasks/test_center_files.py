"""Centers are scored against true ones, in tables and by clicks."""

from __future__ import annotations

from pathlib import Path

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.predictions import FoundPoint, PointPrediction
from napari_synthseg.core.scores import ScoringOptions
from napari_synthseg.tasks.results import ImageResult, score_center_files, score_on_clicks


def test_negative_clicks_are_no_true_centers(tmp_path: Path) -> None:
    found, true = tmp_path / "found.csv", tmp_path / "true.csv"
    found.write_text("image,class,y,x\na.tif,cell,10,10\n")
    true.write_text("image,class,y,x\na.tif,cell,11,10\na.tif,not an object,50,50\n")
    scores = score_center_files(found, true, ScoringOptions(tolerance=3.0, measured_on="real"))
    assert (scores.values["found"], scores.values["missed"], scores.values["false"]) == (1, 0, 0)


def test_centers_are_half_a_diameter_away_along_either_axis_of_long_pixels() -> None:
    ref = ImageRef(id="a", uri="a", role="test", pixel_size=(0.75, 0.25), unit="um")
    cell = ObjectClass(name="cell", value=1, diameter=6, unit="um")
    clicks = tuple(Click(image="a", position=p, cls=1) for p in [(10.0, 30.0), (30.0, 30.0)])
    # 2.75 and 3.75 um away
    places = [(10.0, 41.0), (35.0, 30.0)]
    found = PointPrediction(objects=tuple(FoundPoint(n, 1, 1.0, p) for n, p in enumerate(places)))
    scores = score_on_clicks([ImageResult(ref, found, clicks=clicks)], [cell])
    assert (scores.values["found"], scores.values["missed"], scores.values["false"]) == (1, 1, 1)


def test_how_near_is_near_is_told_by_the_pixel_size_of_each_image() -> None:
    cell = ObjectClass(name="cell", value=1, diameter=10, unit="um")
    results = []
    for name, size in (("a", 1.0), ("b", 0.1)):  # an object is 10, and 100 pixels wide
        ref = ImageRef(id=name, uri=name, role="test", pixel_size=(size, size), unit="um")
        clicks = (Click(image=name, position=(20 / size, 20 / size), cls=1),)
        found = FoundPoint(1, 1, 1.0, (24 / size, 20 / size))  # 4 um beside it
        results.append(ImageResult(ref, PointPrediction(objects=(found,)), clicks=clicks))
    for order in (results, results[::-1]):
        scores = score_on_clicks(order, [cell])
        assert (scores.values["found"], scores.values["false"]) == (2, 0)
