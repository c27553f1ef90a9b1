"""Found, missed, false, and why, on small scenes whose answer is known."""

from __future__ import annotations

import numpy as np

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.metrics.object_errors import (
    ObjectError,
    judge,
    match_boxes_once,
    match_masks,
    match_points,
    overlaps_of_boxes,
    overlaps_of_masks,
)
from napari_synthseg.metrics.overlap import measure_overlap


def judge_masks(true, predicted, true_classes=None, predicted_classes=None, forgiven=()):
    overlap = measure_overlap(np.array(true), np.array(predicted))
    shared = overlaps_of_masks(overlap)
    true_classes, predicted_classes = (
        np.ones(len(ids), int) if given is None else np.array(given)
        for ids, given in (
            (overlap.true_ids, true_classes),
            (overlap.predicted_ids, predicted_classes),
        )
    )
    return judge(true_classes, predicted_classes, match_masks(overlap), shared, forgiven)


def test_found_missed_and_false():
    judged = judge_masks([[1, 1, 0, 2, 0, 0]], [[1, 1, 0, 0, 0, 3]])
    assert judged.found.tolist() == [[0, 0]]
    assert judged.errors == (ObjectError("missed", (1,)), ObjectError("false", (), (1,)))
    assert (judged.missed, judged.false) == (1, 1)


def test_two_true_objects_found_as_one_are_one_error():
    judged = judge_masks([[1, 1, 2, 2, 0]], [[7, 7, 7, 7, 0]])
    assert judged.errors == (ObjectError("merged", (0, 1), (0,)),)
    assert (judged.missed, judged.false) == (2, 1)  # as the scores count


def test_one_true_object_found_as_two_is_one_error():
    judged = judge_masks([[1, 1, 1, 1, 1]], [[7, 7, 0, 8, 8]])
    assert judged.errors == (ObjectError("split", (0,), (0, 1)),)


def test_a_poor_outline_says_how_much_it_overlaps():
    judged = judge_masks([[1, 1, 1, 1, 0, 0, 0]], [[0, 0, 0, 2, 2, 0, 0]])
    (error,) = judged.errors
    assert (error.kind, error.true, error.predicted) == ("outline", (0,), (0,))
    assert error.overlap == 1 / 5


def test_another_class_is_missed_in_one_and_false_in_the_other():
    judged = judge_masks([[1, 1, 0]], [[4, 4, 0]], [1], [2])
    assert judged.errors == (ObjectError("class", (0,), (0,)),)
    assert (judged.missed, judged.false, len(judged.found)) == (1, 1, 0)
    forgiven = judge_masks([[1, 1, 0]], [[4, 4, 9]], [1], [2, 2], forgiven=[2])
    assert (forgiven.false, [e.kind for e in forgiven.errors]) == (0, ["class"])


def test_boxes_match_as_coco_matches_them():
    true = Boxes.of([[0, 0, 10, 10], [0, 20, 10, 30], [50, 50, 60, 60]])
    predicted = Boxes.of([[0, 1, 10, 11], [0, 0, 10, 10], [50, 50, 60, 64]], 1, [0.9, 0.8, 0.7])
    matches = match_boxes_once(true, predicted)
    assert matches.tolist() == [[0, 0], [2, 2]]  # the surer one takes the first box
    judged = judge(true.classes, predicted.classes, matches, overlaps_of_boxes(true, predicted))
    assert [(e.kind, e.true, e.predicted) for e in judged.errors] == [
        ("split", (0,), (0, 1)),
        ("missed", (1,), ()),
    ]


def test_centers_match_within_a_radius_and_of_their_class():
    true = np.array([[0.0, 0], [10, 10]]), np.array([1, 2])
    predicted = np.array([[1.0, 1], [10, 11], [40, 40]]), np.array([1, 1, 1])
    matches = match_points(true, predicted, {1: 5.0, 2: 5.0})
    judged = judge(true[1], predicted[1], matches)
    assert judged.found.tolist() == [[0, 0]]
    assert [e.kind for e in judged.errors] == ["missed", "false", "false"]
