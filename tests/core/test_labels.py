"""The five kinds of labels say the same things of the same image, and refuse what they cannot."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    UNKNOWN,
    BoxLabels,
    DualImage,
    ImageTags,
    InstanceLabels,
    PointLabels,
    RegionLabels,
    boxes_of,
    count_values,
    instances_of,
    regions_of,
)

IDS = np.zeros((12, 16), np.int32)
IDS[1:4, 2:7], IDS[6:11, 9:15] = 2, 5

OBJECTS = InstanceLabels(IDS, {2: 1, 5: 3})
REGIONS = regions_of(OBJECTS)
BOXES = BoxLabels(Boxes.of([(1, 2, 4, 7), (6, 9, 11, 15)], [1, 3]), IDS.shape)
POINTS = PointLabels(np.array([[2.0, 4.0], [8.0, 11.5]]), np.array([1, 3]), IDS.shape)
TAGS = ImageTags(frozenset({1, 3}), IDS.shape)

EACH = [OBJECTS, REGIONS, BOXES, POINTS, TAGS]


@pytest.mark.parametrize("labels", EACH, ids=lambda labels: labels.kind)
def test_each_kind_knows_its_shape_and_classes(labels) -> None:
    assert labels.shape == (12, 16)
    assert labels.class_values_shown() == {1, 3}


def test_kinds_that_say_more_become_kinds_that_say_less() -> None:
    assert REGIONS.values.tolist() == np.select([IDS == 2, IDS == 5], [1, 3], 0).tolist()
    assert regions_of(REGIONS) is REGIONS
    assert boxes_of(BOXES) is BOXES.boxes
    found = boxes_of(OBJECTS)
    np.testing.assert_array_equal(found.corners, BOXES.boxes.corners)
    np.testing.assert_array_equal(found.classes, BOXES.boxes.classes)


@pytest.mark.parametrize("labels", [BOXES, POINTS, TAGS], ids=lambda labels: labels.kind)
def test_kinds_without_pixels_are_no_masks(labels) -> None:
    with pytest.raises(InputError, match="import instance masks"):
        instances_of(labels)
    with pytest.raises(InputError, match="import masks of regions"):
        regions_of(labels)


def test_unknown_pixels_and_ids_without_a_class() -> None:
    ids = np.array([[UNKNOWN, 0, 1, 2]], np.int32)
    labels = InstanceLabels(ids, {2: 7})
    assert labels.class_map().tolist() == [[UNKNOWN, 0, 0, 7]]
    assert labels.class_values_shown() == {7}
    assert labels.count == 2
    nothing = InstanceLabels(np.full((2, 2), UNKNOWN, np.int32))
    assert nothing.class_map().tolist() == [[UNKNOWN] * 2] * 2
    assert nothing.count == 0


def test_of_volumes_classes_are_known_too() -> None:
    ids = np.zeros((3, 4, 5), np.int32)
    ids[1, 2, 3] = 4
    assert InstanceLabels(ids, {4: 2}).class_values_shown() == {2}


def test_what_is_mostly_outside_is_not_shown() -> None:
    boxes = Boxes.of([(-8, 0, 2, 10), (-5, 0, 5, 10)], [1, 2])
    assert BoxLabels(boxes, (20, 20)).class_values_shown() == {2}
    edge = np.array([[-0.5, 0.0], [19.5, 0.0], [-0.6, 0.0]])
    assert PointLabels(edge, np.array([1, 2, 3]), (20, 20)).class_values_shown() == {1}


def test_memory_is_that_of_pixels_and_labels() -> None:
    image = np.zeros((2, 12, 16), np.float32)
    assert DualImage(image, OBJECTS, 0).nbytes == image.nbytes + IDS.nbytes
    assert DualImage(image, RegionLabels.of(IDS), 0).nbytes == image.nbytes + IDS.nbytes
    assert DualImage(image, TAGS, 0).nbytes == image.nbytes


def test_pixels_are_counted_in_little_memory():
    values = np.random.default_rng(0).integers(-1, 4, (3000, 2000)).astype(np.int16)
    tracemalloc.start()
    counts = count_values(values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts[:4].tolist() == [(values == value).sum() for value in range(4)]
    assert counts.size == 256
    assert counts.sum() == (values >= 0).sum()
    assert peak < 2 * values.nbytes


def test_where_objects_are_missing_the_background_is_unknown():
    some = replace(OBJECTS, incomplete=frozenset({2}))
    there = OBJECTS.ids > 0
    assert (regions_of(some).values[there] == REGIONS.values[there]).all()
    assert (regions_of(some).values[~there] == UNKNOWN).all()
    assert some.with_array(OBJECTS.ids[:1]).incomplete == {2}
