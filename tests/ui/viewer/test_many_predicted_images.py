"""Of many predicted images the layers of the last few stay; the others come back when shown."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.predictions import BoxPrediction, FoundObject, InstancePrediction
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.viewer import layers as layers_module
from tests.helpers.sessions import add_array

pytestmark = pytest.mark.gui

SHAPE = (32, 40)
COUNT = 6


def make_instances(ref, number):
    ids = np.zeros(SHAPE, np.int32)
    ids[:, : number + 1] = 1
    thing = FoundObject(1, 1, 0.75, (16.0, number / 2), ((0, 32), (0, number + 1)))
    return InstancePrediction(image=ref.id, run="r", ids=ids, objects=(thing,))


def make_boxes(ref, number):
    thing = FoundObject(1, 1, 0.75, (float(number), 8.0), ((0, 20), (0, 16)))
    return BoxPrediction(image=ref.id, run="r", objects=(thing,), candidates=(thing,))


@pytest.fixture
def many(opened, monkeypatch):
    """The panel with predicted images, each of which was shown with its prediction once."""
    monkeypatch.setattr(layers_module, "KEPT_IMAGES", 2)
    session = opened.session
    session.edit(session.project.with_run(TrainingRun(id="r", name="r")), "add run")
    refs = [add_array(session, np.zeros(SHAPE, np.uint8), "yx", str(n)) for n in range(COUNT)]

    def show(make, number, then=lambda layer: None):
        found = make(refs[number], number)
        session.found.setdefault("r", {})[refs[number].id] = found
        opened.panel.layers.show_image(refs[number])
        opened.settle()
        outputs = opened.panel.layers.outputs
        outputs.show_prediction(found, f"Prediction: r, {number}", opened.panel.layers.image)
        opened.settle()
        then(outputs.predictions[-1])

    opened.show = show
    opened.go_to = lambda number: (opened.panel.layers.show_image(refs[number]), opened.settle())
    return opened


def named(bench, number):
    """Return the layers of predictions on an image; napari puts a number behind a second one."""
    return [x for x in bench.viewer.layers if x.name.startswith(f"Prediction: r, {number}")]


@pytest.mark.parametrize("make", [make_instances, make_boxes], ids=["masks", "boxes"])
def test_predictions_of_many_images_do_not_pile_up_and_come_back(many, make):
    for number in range(COUNT):
        many.show(make, number)
    outputs = many.panel.layers.outputs
    assert [len(named(many, number)) for number in range(COUNT)] == [0, 0, 0, 0, 1, 1]
    assert len(outputs.predictions) == 2
    assert not {str(n) for n in range(4)} & {layer.name for layer in many.viewer.layers}
    many.go_to(1)
    (back,) = named(many, 1)
    assert back.visible
    assert outputs.predictions[-1] is back
    expected = make_instances(many.session.project.images[2], 1).ids
    assert np.array_equal(back.data, [(1.0, 8.0)] if make is make_boxes else expected)
    assert [len(named(many, number)) for number in range(COUNT)] == [0, 1, 0, 0, 0, 1]
    many.go_to(5)
    many.go_to(1)  # within the last few, its layer is the same
    assert named(many, 1) == [back]


def test_what_the_user_edited_or_hid_is_as_it_was(many):
    edited = []

    def paint(layer):
        layer.paint((5, 35), 7)
        edited.append(layer)

    many.show(make_instances, 0, paint)
    many.show(make_instances, 1, lambda layer: setattr(layer, "visible", False))
    for number in range(2, COUNT):
        many.show(make_instances, number)
    assert named(many, 0) == edited
    assert named(many, 1) == []
    many.go_to(0)
    assert named(many, 0) == edited
    assert edited[0].visible
    assert edited[0].data[5, 35] == 7
    many.go_to(1)
    (hidden,) = named(many, 1)
    assert not hidden.visible
    many.go_to(2)
    many.go_to(1)
    assert not hidden.visible


def test_what_the_session_does_not_have_stays(many):
    many.show(make_instances, 0)
    many.session.found.clear()
    (layer,) = named(many, 0)
    for number in range(1, COUNT):
        many.show(make_instances, number)
    assert named(many, 0) == [layer]


def make_wider(ref, number):
    return make_instances(ref, number + 10)


@pytest.mark.parametrize("make", [make_instances, make_boxes], ids=["masks", "boxes"])
def test_what_was_predicted_again_meanwhile_is_shown_once(many, make):
    for number in range(COUNT):
        many.show(make, number)
    layers, refs = many.panel.layers, many.session.project.images[-COUNT:]
    assert named(many, 1) == []
    again = make(refs[1], 9)
    many.session.found["r"][refs[1].id] = again

    def show_new():  # as the page of results does
        layers.outputs.show_prediction(again, "Prediction: r, 1", layers.image)

    layers.image_changed.connect(show_new)
    many.go_to(1)
    layers.image_changed.disconnect(show_new)
    (back,) = named(many, 1)
    assert back.visible
    assert np.array_equal(back.data, [(9.0, 8.0)] if make is make_boxes else again.ids)
    for number in (2, 3, 1):
        many.go_to(number)
    (back,) = named(many, 1)  # also after it was dropped in its turn
    assert back.visible
    assert np.array_equal(back.data, [(9.0, 8.0)] if make is make_boxes else again.ids)


def test_what_the_run_found_earlier_stays_with_what_it_found_last(many):
    many.show(make_instances, 0)
    (earlier,) = named(many, 0)
    many.show(make_wider, 0)  # the same run, such as at another magnification
    for number in range(1, COUNT):
        many.show(make_instances, number)
    assert named(many, 0) == [earlier]
    many.go_to(0)
    assert named(many, 0)[0] is earlier
    (last,) = (layer for layer in named(many, 0) if layer is not earlier)
    assert last.visible
    assert not earlier.visible
    assert np.count_nonzero(earlier.data) == SHAPE[0]
    assert np.count_nonzero(last.data) == 11 * SHAPE[0]


def test_what_took_the_place_of_an_earlier_prediction_comes_back(many):
    many.show(make_instances, 0)
    layers, ref = many.panel.layers, many.session.project.images[-COUNT]
    again = many.session.found["r"][ref.id] = make_wider(ref, 0)
    layers.outputs.show_from(again, None, "Prediction: r, 0", layers.image)
    many.settle()
    for number in range(1, COUNT):
        many.show(make_instances, number)
    assert named(many, 0) == []
    many.go_to(0)
    (back,) = named(many, 0)
    assert np.array_equal(back.data, again.ids)
