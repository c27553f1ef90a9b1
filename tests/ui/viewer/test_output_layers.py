"""The layers that show predictions and true masks, made without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels, RegionLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    ImageTagsPrediction,
    InstancePrediction,
    PointPrediction,
    RegionPrediction,
)
from napari_synthseg.ui.viewer.class_colors import small_ids
from napari_synthseg.ui.viewer.output_layers import make_prediction_layers, make_truth_layer
from napari_synthseg.ui.viewer.placement import Placement

RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)
CLASSES = (
    ObjectClass(value=1, name="ring", color="#ff0000", diameter=9.0),
    ObjectClass(value=2, name="rod", color="#00ff00", diameter=9.0),
)
PLACEMENT = Placement(scale=(0.5, 0.25), translate=(10.0, 20.0))
OBJECTS = (
    FoundObject(id=1, cls=2, score=0.75, center=(1.0, 2.0), box=((0, 3), (1, 4))),
    FoundObject(id=2, cls=1, score=0.5, center=(5.0, 6.0), box=((4, 7), (5, 8))),
    FoundObject(id=3, cls=9, score=0.5, center=(5.0, 6.0), box=((0, 90), (0, 90))),
)


@pytest.fixture(autouse=True)
def projects():
    """Replace the fixture of the same name that windows need."""


def show(prediction):
    return make_prediction_layers(prediction, CLASSES, "Prediction: one", PLACEMENT, longest=600)


def test_instances_have_the_colors_and_names_of_their_classes():
    ids = np.zeros((8, 9), np.int32)
    ids[0:3, 1:4], ids[4:7, 5:8] = 1, 2
    prediction = InstancePrediction(
        image="a", run="r", ids=ids, objects=OBJECTS[:2], region_origin=(4, 8)
    )
    (layer,) = show(prediction)
    assert np.array_equal(layer.data, ids)
    assert np.allclose(layer.get_color(1), GREEN)
    assert np.allclose(layer.get_color(2), RED)
    assert layer.features["class"].tolist() == ["background", "rod", "ring"]
    assert layer.features["score"].tolist() == [1.0, 0.75, 0.5]
    assert np.allclose(layer.scale, PLACEMENT.scale)
    assert np.allclose(layer.translate, (12.0, 22.0))


def test_regions_have_the_colors_of_their_classes():
    values = np.zeros((4, 5), np.uint8)
    values[1], values[2] = 2, 7
    (layer,) = show(RegionPrediction(image="a", run="r", values=values))
    assert np.allclose(layer.get_color(2), GREEN)
    assert layer.features["index"].tolist() == [0, 2, 7]
    assert layer.features["class"].tolist() == ["background", "rod", "class 7"]


def test_boxes_are_four_lines_each_and_a_center():
    lines, centers = show(BoxPrediction(image="a", run="r", objects=OBJECTS))
    assert lines.name == "Boxes: one"
    assert lines.data.shape == (8, 2, 2)  # an object of an unknown class is left out
    starts, ways = lines.data[:4, 0], lines.data[:4, 1]
    assert starts.tolist() == [[-0.5, 0.5], [-0.5, 3.5], [2.5, 3.5], [2.5, 0.5]]
    assert np.allclose(np.roll(starts, -1, axis=0), starts + ways)
    assert np.allclose(lines.edge_color[[0, 4]], [GREEN, RED])
    assert lines.edge_width == 1.5, "of small boxes, too"
    assert centers.data.tolist() == [[1, 2], [5, 6]]
    assert np.allclose(centers.face_color, [GREEN, RED])
    assert centers.features["class"].tolist() == ["rod", "ring"]


def test_nothing_found_gives_empty_layers_and_tags_give_none():
    lines, centers = show(BoxPrediction(image="a", run="r", objects=()))
    assert len(lines.data) == len(centers.data) == 0
    tags = ImageTagsPrediction(image="a", run="r", probabilities={}, thresholds={})
    assert show(tags) == []


def test_points_are_shown_as_centers():
    points = (FoundPoint(id=1, cls=1, score=1.0, center=(3.0, 4.0)),)
    (layer,) = show(PointPrediction(image="a", run="r", objects=points))
    assert layer.data.tolist() == [[3, 4]]
    assert np.allclose(layer.face_color, [RED])


def test_unknown_pixels_of_true_masks_are_clear():
    ids = np.array([[0, -1, 300]], np.int32)
    layer = make_truth_layer(InstanceLabels(ids, {300: 1}), CLASSES, PLACEMENT)
    assert layer.data.tolist() == [[0, 0, 300]]
    assert np.allclose(layer.get_color(300), (1, 1, 1, 1))
    assert not layer.editable
    regions = make_truth_layer(RegionLabels.of(np.array([[1, 2]])), CLASSES, PLACEMENT)
    assert np.allclose(regions.get_color(2), GREEN)


@pytest.mark.parametrize(
    ("largest", "kind"), [(255, np.uint8), (256, np.uint16), (70_000, np.int32)]
)
def test_ids_are_as_small_as_they_can_be(largest, kind):
    small = small_ids(np.array([-1, 0, largest], np.int32))
    assert small.dtype == kind
    assert small.tolist() == [0, 0, largest]


@pytest.mark.parametrize(("side", "lines"), [(2000, 2), (2001, 0)])
def test_lines_stand_around_objects_only_where_napari_draws_them_at_once(side, lines):
    ids = np.zeros((side, 2000), np.int32)
    found = InstancePrediction(image="a", run="r", ids=ids, objects=(), region_origin=(0, 0))
    (layer,) = show(found)
    truth = make_truth_layer(InstanceLabels(ids.copy(), {}), CLASSES, PLACEMENT)
    assert (layer.contour, truth.contour) == (lines, min(lines, 1))
    assert (layer.opacity == 1.0) == bool(lines)  # what is filled does not hide the image


@pytest.mark.parametrize(("side", "kind"), [(2000, np.int32), (2001, np.uint16)])
def test_large_predictions_are_of_a_type_that_napari_shows_as_it_is(side, kind):
    ids = np.zeros((side, 2000), np.int32)
    ids[7, 9] = 300
    found = InstancePrediction(image="a", run="r", ids=ids, objects=())
    (layer,) = make_prediction_layers(found, CLASSES[:1], "Prediction: one", PLACEMENT, side)
    assert layer.data.dtype == kind
    assert np.array_equal(layer.data, ids)
    assert not np.shares_memory(layer.data, ids)


def test_filled_objects_that_touch_have_colors_of_their_own_and_regions_that_of_their_class():
    ids = np.zeros((2001, 2000), np.int32)
    ids[10:20, 10:20], ids[10:20, 20:30] = 1, 2
    objects = tuple(
        FoundObject(id=n, cls=1, score=0.5, center=(15.0, 15.0), box=((10, 20), (10, 30)))
        for n in (1, 2)
    )
    (found,) = show(InstancePrediction(image="a", run="r", ids=ids, objects=objects))
    truth = make_truth_layer(InstanceLabels(ids.copy(), {1: 1, 2: 1}), CLASSES, PLACEMENT)
    for layer in (found, truth):
        colors = [tuple(layer.get_color(label)) for label in (1, 2)]
        assert colors[0] != colors[1]
        assert [color[3] for color in colors] == [1, 1]
        assert not np.any(layer.get_color(0))
    assert found.features["class"].tolist() == ["background", "ring", "ring"]
    regions = make_truth_layer(RegionLabels.of(ids), CLASSES, PLACEMENT)
    assert np.allclose([regions.get_color(1), regions.get_color(2)], [RED, GREEN])
