"""Lines that change often, also while they are hidden; results whose tools are made when used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Points

from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.ui.viewer.output_layers import make_prediction_layers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.quick_layers import (
    MOST_IN_THUMBNAIL,
    LineVectors,
    ManyPoints,
    ResultLabels,
    show_lines,
)

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("counts", [(9, 3, 0, 5), (0, 4)])
def test_lines_of_a_hidden_layer_change_and_are_seen_once_it_is_shown(bench, counts):
    layer = bench.viewer.add_layer(LineVectors(ndim=2, vector_style="line"))
    layer.visible = False
    for count in counts:
        color = np.array([0.0, 1.0, count / 9, 1.0], np.float32)
        show_lines(layer, np.ones((count, 2, 2), np.float32), np.tile(color, (count, 1)))
    layer.visible = True
    bench.qtbot.wait(50)
    assert len(layer.data) == len(layer._view_data) == counts[-1]
    assert np.allclose(layer.edge_color, color)


@pytest.mark.parametrize(("count", "is_drawn"), [(9, True), (MOST_IN_THUMBNAIL, False)])
def test_a_thumbnail_is_made_of_few_points_only(count, is_drawn):
    layer = ManyPoints(np.random.default_rng(0).uniform(0, 99, (count, 2)), face_color="red")
    before = layer.thumbnail.copy()
    layer.add((40.0, 50.0))
    layer.face_color = "blue"
    layer.refresh()
    assert np.array_equal(layer.thumbnail, before) != is_drawn
    assert len(layer.data) == count + 1
    assert layer.as_layer_data_tuple()[2] == "points"


def edited(kind, looks):
    """Return a layer of two points after edits of all sorts, and what was in view after each."""
    layer = kind(np.array([[10.0, 10.0], [50.0, 90.0]]), symbol=looks, size=9)
    seen = []
    for step in (
        lambda: layer.add((30.0, 40.0)),
        lambda: setattr(layer, "current_symbol", "x"),
        lambda: layer.add([(35.0, 45.0), (70.0, 70.0)]),
        lambda: layer.remove([1, 3]),
        lambda: setattr(layer, "symbol", ["square", "x", "o"]),
        lambda: setattr(layer, "symbol", np.array(layer.symbol[::-1])),
        lambda: setattr(layer, "shown", [True, False, True]),
        lambda: setattr(layer, "symbol", np.array("ring")),
        lambda: setattr(layer, "symbol", "cross"),
        lambda: setattr(layer, "data", np.zeros((0, 2))),
    ):
        layer.selected_data = set()
        step()
        seen.append(([str(s) for s in layer.symbol], [str(s) for s in layer._view_symbol]))
    return seen


@pytest.mark.parametrize("looks", ["disc", ["disc", "x"]])
def test_symbols_are_those_that_napari_has_after_any_edit(looks):
    assert edited(ManyPoints, looks) == edited(Points, looks)


@pytest.mark.parametrize("wrong", [np.array(["disc"] * 2), ["nonsense"] * 3])
def test_symbols_that_napari_refuses_are_refused(wrong):
    layer = ManyPoints(np.zeros((3, 2)))
    with pytest.raises((ValueError, KeyError)):
        layer.symbol = wrong
    with pytest.raises(ValueError, match="same length"):
        layer.symbol = layer.symbol[:2]


def test_a_click_among_many_looks_at_no_other_ones_symbol(bench, monkeypatch):
    layer = ManyPoints(np.random.default_rng(0).uniform(0, 99, (3000, 2)), symbol="disc")
    bench.viewer.add_layer(layer)
    bench.qtbot.wait(50)
    asked = []
    kind: Any = type(layer.symbol[0])
    word = kind.__str__

    def ask(symbol):
        asked.append(symbol)
        return word(symbol)

    monkeypatch.setattr(kind, "__str__", ask)  # to hash one asks for its word, too
    layer.add((40.0, 50.0))
    layer.remove([7])
    bench.qtbot.wait(50)
    assert len(layer.data) == len(layer.symbol) == 3000
    assert 0 < len(asked) < 300


@pytest.fixture
def found(clicked):
    """A layer of a prediction without objects on the image in view."""
    empty = InstancePrediction(image="a", run="r", ids=np.zeros((128, 160), np.int32), objects=())
    (layer,) = make_prediction_layers(empty, (), "Prediction: one", Placement(), longest=160)
    clicked.viewer.add_layer(layer)
    clicked.viewer.layers.selection.active = layer
    return layer


def drawn_for_tools(bench, layer):
    canvas = bench.viewer.window._qt_viewer.canvas
    return len(canvas._layer_overlay_to_visual[layer])


def test_what_the_tools_of_a_prediction_draw_is_made_when_one_is_chosen(clicked, found):
    assert isinstance(found, ResultLabels)
    assert drawn_for_tools(clicked, found) == 0
    clicked.press("2")  # napari's key for the brush
    assert found.mode == "paint"
    assert drawn_for_tools(clicked, found) == 1
    found.selected_label = 3
    clicked.drag((40.0, 40.0), (40.0, 60.0))
    assert found.data[40, 50] == 3
    found.mode = "pan_zoom"
    clicked.drag((80.0, 40.0), (80.0, 60.0))
    assert not found.data[80].any()
    found.mode = "polygon"
    assert drawn_for_tools(clicked, found) == 2
    for place in ((90.0, 40.0), (90.0, 80.0), (120.0, 80.0)):
        clicked.click(place)
    clicked.press("Enter")
    assert found.data[95, 70] == 3


def test_a_prediction_is_a_labels_layer_to_napari(clicked, found):
    from napari._qt.layer_controls.qt_labels_controls import QtLabelsControls

    assert found.as_layer_data_tuple()[2] == "labels"
    controls = clicked.viewer.window._qt_viewer.controls.widgets[found]
    assert isinstance(controls, QtLabelsControls)
