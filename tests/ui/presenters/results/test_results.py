"""What is shown of predictions without objects, without a window."""

from __future__ import annotations

import numpy as np

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    ImageTagsPrediction,
    RegionPrediction,
)
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.presenters.results.overview import (
    describe_found,
    describe_missing,
    describe_notes,
    prediction_table,
)

PROJECT = Project(
    classes=(
        ObjectClass(value=1, name="ring", color="#ff0000", diameter=9.0),
        ObjectClass(value=2, name="rod", color="#00ff00", diameter=9.0),
    ),
    images=tuple(ImageRef(id=name, uri=name, name=f"image {name}") for name in "abc"),
)


def regions(image):
    values = np.zeros((4, 5), np.uint8)
    values[0] = 2
    return RegionPrediction(image=image, run="r", values=values)


def texts(cells):
    return [cell.text for cell in cells]


def test_areas_of_one_image_have_a_row_for_each_class_and_the_background_last():
    table = prediction_table([regions("a")], PROJECT)
    assert texts(table.rows) == ["ring", "rod", "background"]
    assert table.rows[1].color == "#00ff00"
    assert texts(table.columns) == ["image a"]
    assert [texts(row) for row in table.cells] == [["0.0%"], ["25.0%"], ["75.0%"]]
    assert table.cells[2][0].tip == "15 pixels"


def test_areas_of_many_images_have_a_row_for_each_image():
    table = prediction_table([regions(name) for name in "abc"], PROJECT)
    assert texts(table.rows) == ["image a", "image b", "image c"]
    assert texts(table.columns) == ["ring", "rod", "background"]


def test_tags_are_bold_where_they_are_reported():
    tags = ImageTagsPrediction(
        image="b",
        run="r",
        probabilities={2: 0.4, 1: 0.4, 7: 0.9},
        thresholds={1: 0.5, 2: 0.3, 7: 1},
    )
    table = prediction_table([tags], PROJECT)
    assert texts(table.columns) == ["ring", "rod", "class 7"]
    assert texts(table.cells[0]) == ["40%", "40%", "90%"]
    assert [cell.is_bold for cell in table.cells[0]] == [False, True, False]


def test_objects_have_no_table():
    assert prediction_table([BoxPrediction(image="a", run="r", objects=())], PROJECT) is None
    assert prediction_table([], PROJECT) is None


def test_what_was_found_is_counted_by_class():
    found = tuple(
        FoundObject(id=n, cls=cls, score=1.0, center=(1.0, 1.0), box=((0.0, 2.0), (0.0, 2.0)))
        for n, cls in enumerate((2, 1, 2), 1)
    )
    assert describe_found([BoxPrediction(objects=found)], PROJECT) == "Found: 2 (rod), 1 (ring)"


def test_where_nothing_is_found_the_reason_is_said():
    nothing = BoxPrediction(objects=())
    assert describe_found([nothing], PROJECT).startswith("No object was found. Look at the dual")
    assert describe_found([nothing], PROJECT, 0.9).startswith("No object was found")
    faint = FoundObject(id=1, cls=1, score=0.4, center=(1.0, 1.0), box=((0.0, 2.0), (0.0, 2.0)))
    some = BoxPrediction(objects=(faint,))
    assert describe_found([nothing, some], PROJECT, 0.4) == "Found: 1 (ring)"
    hidden = describe_found([nothing, some], PROJECT, 0.9)
    assert hidden.startswith("No object scores 0.90 or more; the best has 0.40: move 'Score from'")
    unsure = BoxPrediction(objects=(), candidates=(faint,))  # reported only where it is asked for
    assert describe_found([unsure], PROJECT).startswith("No object was found")
    assert describe_found([unsure], PROJECT, 0.3) == "Found: 1 (ring)"


def test_where_images_differ_is_said_with_their_names():
    found = [
        BoxPrediction(objects=(), image="a"),
        BoxPrediction(objects=(), image="b", notes=("x",)),
    ]
    assert describe_notes(found, PROJECT) == "image b: x."


def test_what_a_model_has_not_predicted_is_said() -> None:
    run, shown = TrainingRun(id="r", name="run 1"), [ImageRef(id="b", name="b.tif", uri="b.tif")]
    assert describe_missing(run, [], shown) == "No results of run 1 are shown: press Predict."
    found = [BoxPrediction(image="a", run="r", objects=())]
    said = describe_missing(run, found, shown)
    assert said.startswith("No results of run 1 on b.tif are shown: tick it above")
    assert describe_missing(run, found, ()) == ""
    found.append(BoxPrediction(image="b", run="r", objects=()))
    assert describe_missing(run, found, shown) == ""
