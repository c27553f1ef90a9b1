"""Layers of earlier predictions: the last few stay, hidden, and so does what the user edited."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from napari_synthseg.core.predictions import BoxPrediction, FoundObject, InstancePrediction
from napari_synthseg.ui.viewer.output_layers import EARLIER_KEPT
from tests.ui.conftest import SHAPE

pytestmark = pytest.mark.gui

THINGS = (FoundObject(id=1, cls=1, score=0.75, center=(14.5, 14.5), box=((10, 20), (10, 20))),)


def make_instances(image, run):
    ids = np.zeros(SHAPE, np.int32)
    ids[10:20, 10:20] = 1
    return InstancePrediction(image=image, run=run, ids=ids, objects=THINGS)


def make_boxes(image, run):
    return BoxPrediction(image=image, run=run, objects=THINGS, candidates=THINGS)


def paint(layer):
    layer.paint((50, 50), 1)


def add_point(layer):
    layer.add([[50, 50]])


def fill(layer):
    layer.fill((15, 15), 5)


def rename(layer):
    layer.name = "mine"


@pytest.mark.parametrize(
    ("make", "edit"),
    [(make_instances, paint), (make_instances, rename), (make_boxes, add_point)],
    ids=["painted", "renamed", "boxes"],
)
def test_the_last_few_stay_and_what_the_user_edited(opened, make, edit):
    (ref,) = opened.session.project.images
    layers, outputs = opened.panel.layers, opened.panel.layers.outputs
    before = set(opened.viewer.layers)
    shown = []
    for number in range(EARLIER_KEPT + 4):
        found = make(ref.id, f"r{number}")
        name = f"Prediction: {number}"
        outputs.show_prediction(found, name, layers.image)
        opened.settle()
        if number == 1:
            edit(outputs.predictions[-1])
        if number == 2:  # the slider moves, which is no edit
            outputs.show_from(found, 0.5, name, layers.image)
            opened.settle()
        shown.append(outputs.predictions[-1])
    alive = [shown[1], *shown[-EARLIER_KEPT - 1 :]]
    assert outputs.predictions == alive
    added = [layer for layer in opened.viewer.layers if layer not in before]
    per_prediction = 2 if make is make_boxes else 1
    assert len(added) == per_prediction * len(alive)
    assert [layer for layer in added if layer.visible] == added[-per_prediction:]
    gone = [weakref.ref(layer) for layer in shown if layer not in alive]
    shown.clear()
    opened.qtbot.wait(100)  # napari deletes the controls of a layer once it is free to
    gc.collect()
    if make is make_instances:  # of Points napari keeps the last one that was removed
        assert [each() for each in gone] == [None, None]


@pytest.mark.parametrize("while_made", [False, True], ids=["before", "while it is made"])
@pytest.mark.parametrize(
    ("make", "edit"),
    [(make_instances, paint), (make_instances, fill), (make_boxes, add_point)],
    ids=["painted", "filled", "boxes"],
)
def test_another_score_leaves_what_the_user_edited(opened, make, edit, while_made):
    (ref,) = opened.session.project.images
    layers, outputs = opened.panel.layers, opened.panel.layers.outputs
    found, name = make(ref.id, "r"), "Prediction: r"
    outputs.show_prediction(found, name, layers.image)
    opened.settle()
    (mine,) = outputs.predictions
    if while_made:
        outputs.show_from(found, 0.9, name, layers.image)
    edit(mine)
    edited = np.array(mine.data)
    for least in (0.9, None, 0.9):
        outputs.show_from(found, least, name, layers.image)
    opened.settle()
    assert np.array_equal(mine.data, edited)
    assert mine in opened.viewer.layers
    assert not mine.visible
    kept, filtered = outputs.predictions
    assert kept is mine
    assert filtered.visible
    assert not np.any(filtered.data)  # nothing has such a score
    outputs.show_from(found, None, name, layers.image)
    opened.settle()
    assert np.array_equal(mine.data, edited)
    assert len(outputs.predictions) == 2
    shown = outputs.predictions[1].data
    assert np.array_equal(shown, [(14.5, 14.5)] if make is make_boxes else found.ids)
