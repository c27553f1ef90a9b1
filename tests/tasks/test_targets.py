"""Objects become targets, and perfect targets become the same objects again."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.labels import UNKNOWN, DualImage, InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis.datasets import RealDataset
from napari_synthseg.tasks.segment import SegmentRule, decoding
from napari_synthseg.tasks.segment.decoding import decode
from napari_synthseg.tasks.segment.targets import inner_distance, make_targets
from tests.helpers.clicked_discs import finish
from tests.helpers.disks import draw_disks
from tests.helpers.training import make_task


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_inner_distance_is_one_at_each_core_and_zero_outside(seed):
    ids = draw_disks((48, 64), seed).labels.ids
    distance = inner_distance(ids)
    assert distance.dtype == np.float32
    assert not distance[ids == 0].any()
    for instance in np.unique(ids[ids > 0]):
        inside = distance[ids == instance]
        assert inside.max() == pytest.approx(1.0)
        assert inside.min() > 0


def test_the_border_of_the_image_is_no_edge_of_an_object():
    ids = np.zeros((9, 9), np.int32)
    ids[:5] = 1
    distance = inner_distance(ids)
    assert (np.diff(distance[:5, 4]) < 0).all()
    assert distance[0].tolist() == pytest.approx([1.0] * 9)
    assert inner_distance(np.ones((4, 4), np.int32)).tolist() == [[1.0] * 4] * 4


def test_unknown_pixels_stay_unknown_and_are_no_object():
    ids = np.zeros((9, 9), np.int32)
    ids[2:5, 2:5], ids[6:] = 3, UNKNOWN
    labels = InstanceLabels(ids, {3: 7})
    classes, distance = make_targets(labels, (5, 7))
    assert (classes[6:] == UNKNOWN).all()
    assert (classes[2:5, 2:5] == 2).all()
    assert not distance[6:].any()
    assert labels.count == 1
    assert (labels.class_map()[6:] == UNKNOWN).all()


def test_touching_objects_have_separate_cores():
    ids = np.zeros((12, 24), np.int32)
    ids[2:10, 2:12], ids[2:10, 12:22] = 1, 2
    distance = inner_distance(ids)
    assert distance[6, 11] < 0.5 > distance[6, 12]


def as_outputs(labels, values) -> tuple[Any, Any]:
    classes, distance = make_targets(labels, values)
    one_hot = np.stack([classes == k for k in range(len(values) + 1)])
    return 0.02 + 0.96 * one_hot.astype(np.float32), distance


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_perfect_outputs_give_the_same_objects(seed):
    labels = draw_disks((64, 80), seed, radius=8).labels
    whole = {
        i for i in labels.classes if np.count_nonzero(labels.ids == i) > 100
    }  # slivers at the border are dropped by the minimum area
    ids = np.where(np.isin(labels.ids, list(whole)), labels.ids, 0).astype(np.int32)
    labels = InstanceLabels(ids, {i: labels.classes[i] for i in whole})
    rule = SegmentRule(class_values=(1, 2), diameter=16.0, minimum_area=20)
    found = exhaust(decode(*as_outputs(labels, (1, 2)), rule))
    assert found.ids.max() == len(whole)
    for instance in whole:
        true = labels.ids == instance
        match = np.bincount(found.ids[true]).argmax()
        both = np.count_nonzero(true & (found.ids == match))
        # where two objects touch, a pixel or two of the seam may fall to the other
        assert both / np.count_nonzero(true | (found.ids == match)) > 0.95
        assert found.classes[match - 1] == labels.classes[instance]
        assert found.scores[match - 1] > 0.7


@pytest.mark.parametrize("seed", range(3))
def test_strips_do_not_show_in_what_is_decoded(seed, monkeypatch):
    """They are for yielding in between."""
    outputs = as_outputs(draw_disks((120, 80), seed, radius=8).labels, (1, 2))
    rule = SegmentRule(class_values=(1, 2), diameter=16.0)
    steps, whole = finish(decode(*outputs, rule))
    monkeypatch.setattr(decoding, "STRIP_PX", 10 * 80)
    more, found = finish(decode(*outputs, rule))
    assert len(more) > len(steps) >= 4
    np.testing.assert_array_equal(found.ids, whole.ids)
    np.testing.assert_array_equal(found.scores, whole.scores)
    np.testing.assert_array_equal(found.cores, whole.cores)


def test_touching_squares_come_apart():
    ids = np.zeros((20, 40), np.int32)
    ids[4:16, 4:20], ids[4:16, 20:36] = 1, 2
    labels = InstanceLabels(ids, {1: 1, 2: 1})
    found = exhaust(
        decode(*as_outputs(labels, (1,)), SegmentRule(class_values=(1,), diameter=14.0))
    )
    assert found.ids.max() == 2


@pytest.mark.parametrize("height", [1.0, 0.4, 0.25])
def test_cores_are_told_apart_however_low_the_network_sees_them(height):
    ids = np.zeros((24, 44), np.int32)
    ids[4:20, 4:22], ids[4:20, 22:40] = 1, 2
    probabilities, distance = as_outputs(InstanceLabels(ids, {1: 1, 2: 1}), (1,))
    rule = SegmentRule(class_values=(1,), diameter=16.0)
    assert exhaust(decode(probabilities, height * distance, rule)).ids.max() == 2
    ripple = distance + 0.02 * np.sin(np.arange(44)).astype(np.float32)
    assert exhaust(decode(probabilities, height * ripple, rule)).ids.max() == 2


def test_nothing_gives_nothing():
    empty = InstanceLabels(np.zeros((16, 16), np.int32))
    found = exhaust(
        decode(*as_outputs(empty, (1, 2)), SegmentRule(class_values=(1, 2), diameter=8.0))
    )
    assert not found.ids.any()
    assert len(found.classes) == len(found.scores) == len(found.cores) == 0


def test_foreground_without_a_core_becomes_one_object():
    probabilities = np.zeros((2, 16, 16), np.float32)
    probabilities[0] = 1
    probabilities[:, 4:12, 4:12] = np.array([0.1, 0.9]).reshape(2, 1, 1)
    distance = np.full((16, 16), 0.2, np.float32)
    found = exhaust(decode(probabilities, distance, SegmentRule(class_values=(5,), diameter=8.0)))
    assert found.ids.max() == 1
    assert found.classes.tolist() == [5]


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"minimum_area": 65}, 0), ({"minimum_score": 0.95}, 0), ({"foreground": 0.95}, 0), ({}, 1)],
)
def test_the_rule_decides_what_is_reported(change, expected):
    probabilities = np.zeros((2, 16, 16), np.float32)
    probabilities[0] = 1
    probabilities[:, 4:12, 4:12] = np.array([0.1, 0.9]).reshape(2, 1, 1)
    rule = SegmentRule(class_values=(1,), diameter=8.0, **change)
    found = exhaust(decode(probabilities, np.zeros((16, 16), np.float32), rule))
    assert found.ids.max() == expected


def test_small_objects_of_a_small_class_are_found_beside_large_classes():
    ids = np.zeros((320, 200), np.int32)
    y, x = np.indices(ids.shape)
    places = [(20, 20, 24), (20, 60, 18), (20, 100, 12), (180, 100, 190)]
    for number, (at_y, at_x, diameter) in enumerate(places, start=1):
        ids[(y - at_y) ** 2 + (x - at_x) ** 2 <= (diameter / 2) ** 2] = number
    labels = InstanceLabels(ids, {1: 1, 2: 1, 3: 1, 4: 2})
    pair = DualImage(ids[None].astype(np.float32), labels, 0)
    spec = TrainSpec(task="segment", device="cpu", model=ModelSpec(width=4, depth=2))
    names, sizes = {1: "spot", 2: "cell", 3: "large"}, {1: 24.0, 2: 190.0, 3: 190.0}
    task = make_task(spec, RealDataset([pair]), names, 190.0, diameters=sizes)
    rule = task.rule.model_copy(update={"minimum_score": 0.0})
    outputs, distance = as_outputs(labels, (1, 2, 3))
    found = exhaust(decode(outputs, distance, rule))
    assert sorted(found.classes.tolist()) == [1, 1, 1, 2]
    outputs[[1, 2]] = outputs[[2, 1]]  # what is as small as a spot is no cell
    assert exhaust(decode(outputs, distance, rule)).classes.tolist() == [1]
