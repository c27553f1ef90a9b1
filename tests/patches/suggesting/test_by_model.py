"""Objects proposed from a prediction, alone and beside those of the clicks."""

import time

import numpy as np

from napari_synthseg.core.patch import Outline
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    RegionPrediction,
)
from napari_synthseg.patches.suggesting.by_model import combine, suggest_by_model
from napari_synthseg.patches.suggesting.suggestion import Suggestion

DIAMETERS = {1: 8.0, 2: 3.0}
"""Of cells and their nuclei."""


def found(number, box, score, cls=1):
    center = tuple((a + b - 1) / 2 for a, b in box)
    return FoundObject(number, cls, score, center, tuple(map(tuple, box)))


def square(ident, row, column, confidence, size=8, cls=1, origin="clicks"):
    outline = Outline(np.ones((size, size), bool), (row, column), confidence)
    return Suggestion(ident, "a", cls, (row + 4.0, column + 4.0), outline, confidence, origin)


def test_objects_come_with_their_pixels_where_they_lie_in_the_whole_image():
    ids = np.zeros((40, 40), np.int32)
    ids[5:12, 6:13] = 3
    prediction = InstancePrediction(
        ids=ids, objects=(found(3, ((105, 112), (206, 213)), 0.7),), image="a",
        region_origin=(100, 200),
    )  # fmt: skip
    (one,) = suggest_by_model(prediction, DIAMETERS)
    assert one.outline.window == ((105, 112), (206, 213))
    assert (one.position, one.confidence, one.origin) == ((108.0, 209.0), 0.7, "model")


def test_boxes_that_score_too_low_to_be_reported_are_proposed_unless_they_repeat_one():
    sure = found(1, ((0.0, 10.0), (0.0, 10.0)), 0.9)
    again = found(2, ((1.0, 11.0), (1.0, 11.0)), 0.8)
    low = found(3, ((20.0, 30.0), (20.0, 30.0)), 0.4)
    nothing = found(4, ((40.0, 50.0), (40.0, 50.0)), 0.1)
    prediction = BoxPrediction(objects=(sure,), candidates=(sure, again, low, nothing), image="a")
    assert [s.confidence for s in suggest_by_model(prediction, DIAMETERS)] == [0.9, 0.4]


def test_a_prediction_without_objects_proposes_nothing():
    assert suggest_by_model(RegionPrediction(values=np.ones((4, 4), np.uint8)), DIAMETERS) == []


def test_where_model_and_clicks_disagree_it_is_unsure():
    model = [square("m1", 0, 0, 0.9, origin="model"), square("m2", 30, 0, 0.9, origin="model")]
    clicks = [square("c1", 1, 1, 0.7), square("c2", 30, 30, 0.9)]
    joined = {s.id: s.confidence for s in combine(model, clicks, DIAMETERS)}
    assert joined == {"m1": 0.8, "m2": 0.45, "c2": 0.45}


def test_a_box_in_another_is_proposed_where_it_is_of_quite_another_size():
    cell = found(1, ((0.0, 10.0), (0.0, 10.0)), 0.9)
    nucleus = found(2, ((3.0, 6.0), (3.0, 6.0)), 0.5, cls=2)
    again = found(3, ((3.0, 6.0), (3.5, 6.5)), 0.4, cls=2)
    gone = found(4, ((20.0, 30.0), (20.0, 30.0)), 0.9, cls=7)
    prediction = BoxPrediction(objects=(cell, gone), candidates=(nucleus, again), image="a")
    assert [s.cls for s in suggest_by_model(prediction, DIAMETERS)] == [1, 2]


def test_a_model_answers_no_nucleus_in_its_cell_and_no_neighbor_that_touches_it():
    cell = square("cell", 0, 0, 0.9, origin="model")
    nucleus = square("nucleus", 2, 2, 0.9, size=3, cls=2)
    touching = square("touching", 0, 7, 0.9)
    part = square("part", 1, 1, 0.9, size=5)
    joined = {s.id for s in combine([cell], [nucleus, touching, part], DIAMETERS)}
    assert joined == {"cell", "nucleus", "touching"}


def test_thousands_of_boxes_are_proposed_at_once():
    places = [(30.0 * n, 30.0 * m) for n in range(40) for m in range(40)]
    reported, candidates = (
        tuple(
            found(number, ((y + away, y + away + 10), (x, x + 10)), 0.9 - away / 50)
            for number, (y, x) in enumerate(places)
        )
        for away in (0.0, 15.0)
    )
    prediction = BoxPrediction(objects=reported, candidates=reported + candidates, image="a")
    start = time.process_time()
    assert len(suggest_by_model(prediction, DIAMETERS)) == 2 * len(places)
    assert time.process_time() - start < 4  # compared one by one they took ten times as long
