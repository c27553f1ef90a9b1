"""Thresholds chosen on the held-out part: those that part it well, with room on either side."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import UNKNOWN, BoxLabels, DualImage, InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.tasks import validation
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.detect.evaluation import count_hits
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.evaluation import USUAL_SCORE, validate
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.tasks.validation import HeldOutField, fields_of, narrowed, narrowed_pair
from tests.helpers.clicked_discs import finish


def field(strengths):
    """Return a row of squares as labels and as outputs, each seen with its own strength."""
    ids = np.zeros((24, 24 * len(strengths)), np.int32)
    for number in range(len(strengths)):
        ids[4:20, 24 * number + 4 : 24 * number + 20] = number + 1
    labels = InstanceLabels(ids, dict.fromkeys(range(1, len(strengths) + 1), 1))
    classes, distance = make_targets(labels, (1,))
    seen = np.concatenate([[0.0], strengths]).astype(np.float32)[ids]
    foreground = np.where(classes > 0, 0.95, 0.02).astype(np.float32)
    return labels, (np.stack([1 - foreground, foreground]), distance * seen)


def held_out(pair):
    return HeldOutField(ArraySource(pair.image), pair)


def tuned(true, strengths):
    """Tune on one pair whose first `true` squares are objects, the rest are none."""
    labels, maps = field(strengths)
    ids = np.where(labels.ids <= true, labels.ids, 0).astype(np.int32)
    truth = InstanceLabels(ids, dict.fromkeys(range(1, true + 1), 1))
    pair = DualImage(np.zeros((1, *ids.shape), np.float32), truth, 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0)
    return exhaust(validate([maps], [held_out(pair)], rule, tune=True))


def test_weak_false_objects_are_left_out():
    found = tuned(4, [0.9, 0.9, 0.8, 0.8, 0.3, 0.3])
    assert found.value == 1.0
    assert found.rule.minimum_score > 0.2


def test_of_scores_that_do_equally_well_the_usual_one_is_taken():
    found = tuned(4, [0.9, 0.9, 0.9, 0.9])
    assert found.value == 1.0
    assert found.rule.minimum_score == USUAL_SCORE


def test_of_foregrounds_that_do_equally_well_the_usual_one_is_kept():
    rule = tuned(4, [0.9, 0.9, 0.9, 0.9]).rule
    assert (rule.foreground, rule.prominence) == (0.5, 0.1)


def test_faint_objects_are_reported_where_the_held_out_part_shows_that_they_are_some():
    found = tuned(6, [0.9, 0.9, 0.9, 0.9, 0.3, 0.3])
    assert found.value == 1.0
    assert found.rule.minimum_score < USUAL_SCORE


def test_without_tuning_the_rule_stays():
    labels, maps = field([0.9, 0.9])
    pair = DualImage(np.zeros((1, *labels.ids.shape), np.float32), labels, 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0, minimum_score=0.1)
    assert exhaust(validate([maps], [held_out(pair)], rule)).rule == rule


def test_what_is_found_where_nobody_knows_is_no_error_of_outlines():
    labels, maps = field([0.9, 0.9, 0.9])
    ids = labels.ids.copy()
    ids[:, 44:] = UNKNOWN  # the third square, and the edge of the second
    pair = DualImage(np.zeros((1, *ids.shape), np.float32), InstanceLabels(ids, {1: 1, 2: 1}), 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0)
    found = exhaust(validate([maps], [held_out(pair)], rule, tune=True))
    assert found.values == {"held-out pairs F1": 1.0}


@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_what_is_found_where_nobody_knows_is_no_error_of_boxes(kind):
    found = Boxes.of([(2, 2, 10, 10), (2, 20, 10, 28), (20, 2, 28, 10)], 1, [0.9, 0.8, 0.7])
    unknown = np.zeros((32, 32), bool)
    unknown[:, 16:] = True
    if kind == "boxes":
        labels: BoxLabels | InstanceLabels = BoxLabels(found.take(np.array([0])), (32, 32), unknown)
    else:
        ids = np.where(unknown, UNKNOWN, 0).astype(np.int32)
        ids[2:10, 2:10] = 1
        labels = InstanceLabels(ids, {1: 1})
    pair = DualImage(np.zeros((1, 32, 32), np.float32), labels, 0)
    assert count_hits(found, pair, (1,))[0, 0].tolist() == [1, 2, 1]  # one of three is not counted


def test_an_object_of_an_incomplete_class_is_no_error_when_thresholds_are_chosen():
    labels, maps = field([0.9, 0.9, 0.9])
    ids = np.where(labels.ids == 1, 1, 0).astype(np.int32)
    truth = InstanceLabels(ids, {1: 1}, incomplete=frozenset({1}))
    pair = DualImage(np.zeros((1, *ids.shape), np.float32), truth, 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0)
    assert exhaust(validate([maps], [held_out(pair)], rule)).value == 1.0
    found = Boxes.of([(2, 2, 10, 10), (2, 20, 10, 28), (20, 2, 28, 10)], [1, 1, 2], [0.9, 0.8, 0.7])
    known = BoxLabels(found.take(np.array([0])), (32, 32), incomplete=frozenset({1}))
    counts = count_hits(found, DualImage(pair.image, known, 0), (1, 2))
    assert counts[:, 0].tolist() == [[1, 1, 1], [0, 1, 0]]


def fully_clicked(shape, places):
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    ref = ImageRef(id="a", uri="a", axes="zyx"[-len(shape) :])
    clicks = tuple(Click(image="a", position=place, cls=1) for place in places)
    return ClickedImage(ref, ArraySource(image), clicks)


@pytest.mark.parametrize("shape", [(90, 120), (4, 90, 120)])
def test_of_a_large_image_the_window_with_most_clicks_is_looked_at(shape):
    depth = (2.0,) * (len(shape) - 2)
    crowd = [(*depth, 80.0, x) for x in (100.0, 105.0, 110.0, 118.0)]
    image = fully_clicked(shape, [(*depth, 5.0, 5.0), *crowd, (*depth, 40.0, 60.0)])
    small = narrowed(image, 900 * int(np.prod(shape[:-2])))
    assert small.pixels.shape == (1, *shape[:-2], 30, 30)
    assert len(small.clicks) == 4
    whole, part = image.pixels.read(), small.pixels.read()
    for click, place in zip(small.clicks, crowd, strict=True):
        there = tuple(int(p) for p in place)
        assert part[(0, *(int(p) for p in click.position))] == whole[(0, *there)]
    assert narrowed(image, 10**6) is image


def test_however_many_images_are_held_out_no_more_is_looked_at(monkeypatch):
    monkeypatch.setattr(validation, "VALIDATION_PX", 4000)
    monkeypatch.setattr(validation, "LEAST_FIELD_PX", 1000)
    images = tuple(fully_clicked((50, 80), [(20.0, 30.0 + n)]) for n in range(9))
    data = TaskData(TrainSpec(task="segment"), None, {1: "a"}, 10.0, val_images=images)
    fields = fields_of(data)
    assert len(fields) == 4
    assert sum(field.pixels.read().size for field in fields) <= 4000
    assert all(field.truth.clicks for field in fields)


@pytest.mark.parametrize("shape", [(90, 120), (4, 90, 120)])
def test_of_large_held_out_pairs_the_window_with_most_objects_is_looked_at(monkeypatch, shape):
    depth = int(np.prod(shape[:-2]))
    monkeypatch.setattr(validation, "VALIDATION_PX", 1800 * depth)
    monkeypatch.setattr(validation, "LEAST_FIELD_PX", 900 * depth)
    ids = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate([(5, 5), (78, 94), (78, 106), (86, 112)], start=1):
        ids[..., y : y + 4, x : x + 4] = number
    image = np.linspace(0, 1, ids.size, dtype=np.float32).reshape(1, *shape)
    labels = InstanceLabels(ids, dict.fromkeys(range(1, 5), 1))
    pairs = tuple(DualImage(image, labels, n) for n in range(5))
    data = TaskData(TrainSpec(task="segment"), None, {1: "a"}, 10.0, val_pairs=pairs)
    fields = fields_of(data)
    assert [field.truth.index for field in fields] == [0, 2]
    for field in fields:
        (part,), truth = field.pixels.read(), field.truth.labels
        assert part.shape == truth.ids.shape == (*shape[:-2], 30, 30)
        assert set(truth.classes) == {2, 3, 4}
        assert np.array_equal(part[truth.ids == 3], image[0][ids == 3])


def test_of_large_held_out_pairs_with_boxes_the_same_window_is_looked_at():
    corners = [(y, x, y + 4, x + 4) for y, x in [(5, 5), (78, 94), (78, 106), (86, 112)]]
    unknown = np.zeros((90, 120), bool)
    unknown[60:62] = True
    boxes = Boxes.of(corners, [2, 1, 1, 1])
    labels = BoxLabels(boxes, (90, 120), unknown, incomplete=frozenset({2}))
    image = np.linspace(0, 1, unknown.size, dtype=np.float32).reshape(1, 90, 120)
    small = narrowed_pair(DualImage(image, labels, 0), 900)
    assert small.image.shape == (1, 30, 30)
    found = small.labels
    assert found.shape == found.unknown.shape == (30, 30)
    assert (found.boxes.classes.tolist(), found.incomplete) == ([1, 1, 1], {2})
    (y, x), size = found.boxes.corners[0, :2].astype(int), 4
    there = image[0, 78 : 78 + size, 94 : 94 + size]
    np.testing.assert_array_equal(small.image[0, y : y + size, x : x + size], there)
    assert found.unknown.any(axis=1).sum() == 2
    none = replace(labels, boxes=boxes.take(np.zeros(4, bool)))
    assert narrowed_pair(DualImage(image, none, 0), 900).image.shape == (1, 30, 30)


def test_a_large_field_is_decoded_in_parts():
    labels, maps = field([0.9] * 60)
    pair = DualImage(np.zeros((1, *labels.ids.shape), np.float32), labels, 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0)
    work = validate([maps], [held_out(pair)], rule)
    steps, found = finish(work)
    assert found.value == 1.0
    assert len(steps) >= 3, "one a block of 512 pixels"
