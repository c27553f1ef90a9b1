"""What is said and laid out of dual images, without a window."""

from __future__ import annotations

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import (
    BoxLabels,
    DualImage,
    ImageTags,
    InstanceLabels,
    PointLabels,
    RegionLabels,
)
from napari_synthseg.core.project import Project
from napari_synthseg.ui.presenters.dual_images import (
    GAP_PX,
    describe_gate,
    describe_pairs,
    pixel_labels,
    side_by_side,
)

PROJECT = Project(classes=(ObjectClass(value=1, name="ring", color="#ff0000", diameter=9.0),))


def pair(index, height=4, value=1):
    ids = np.zeros((height, 5), np.int32)
    ids[0, 0], ids[0, 2] = value, value + 1
    labels = InstanceLabels(ids, {value: 1, value + 1: 1})
    return DualImage(np.full((1, height, 5), float(value), np.float32), labels, index)


def regions(index):
    values = np.zeros((4, 5), np.int32)
    values[0] = 1
    return DualImage(np.zeros((1, 4, 5), np.float32), RegionLabels(values), index)


def test_pairs_are_described_by_objects_or_by_area():
    assert describe_pairs([pair(0), pair(1)], PROJECT) == (
        "2 pairs of 4 x 5 pixels, 4 objects in all."
    )
    assert describe_pairs([regions(0)], PROJECT) == "1 pair of 4 x 5 pixels: 25% ring."


def test_pictures_of_two_kinds_stand_side_by_side():
    rows, words = side_by_side({"drawn": [pair(0), pair(1)], "real": [pair(7, 6, 3)], "none": []})
    assert words == "left to right: drawn, real"
    assert [row.image.shape for row in rows] == [(1, 6, 10 + GAP_PX)] * 2
    first, second = rows
    assert first.labels.array[0].tolist() == [1, 0, 2, 0, 0] + [0] * GAP_PX + [3, 0, 4, 0, 0]
    assert not first.image[0, 4:, :5].any()  # filled up below
    assert not second.image[0, :, 5 + GAP_PX :].any()  # a kind with fewer pictures


def test_one_kind_alone_is_named_as_it_is():
    rows, words = side_by_side({"drawn": [regions(0)]})
    assert words == "drawn"
    assert np.array_equal(rows[0].labels.array, regions(0).labels.array)
    assert side_by_side({}) == ([], "")


def test_rejected_pairs_are_counted_with_their_reasons():
    assert describe_gate({}) == ""
    assert describe_gate({"drawn": 5, "accepted": 5}) == "Checked: all 5 that were drawn are good."
    text = describe_gate({"drawn": 9, "accepted": 6, "copy": 2, "other": 1, "given up": 1})
    assert "3 of 9 drawn were rejected (2 nearly a copy of a real image; 1 other)" in text
    assert text.endswith("Of 1 no draw was good: they are not used for training.")


BOXES = BoxLabels(Boxes.of([(0, 0, 2, 3), (1, 3, 4, 5)]), (4, 5))
POINTS = PointLabels(np.array([[0.0, 4.0]]), np.array([1]), (4, 5))
TAGS = ImageTags(frozenset({1}), (4, 5))


def test_boxes_and_points_are_drawn_and_tags_leave_the_labels_empty():
    boxes, points, tags = (pixel_labels(labels).array for labels in (BOXES, POINTS, TAGS))
    assert boxes.tolist() == [
        [1, 1, 1, 0, 0], [1, 1, 1, 2, 2], [0, 0, 0, 2, 2], [0, 0, 0, 2, 2],
    ]  # fmt: skip
    assert points.tolist() == [[0, 0, 1, 1, 1]] * 3 + [[0] * 5]
    assert not tags.any()


def test_pairs_of_boxes_are_described_and_stand_side_by_side():
    pairs = [DualImage(np.zeros((1, 4, 5), np.float32), BOXES, 0)]
    assert describe_pairs(pairs, PROJECT) == "1 pair of 4 x 5 pixels, 2 objects in all."
    (row,), words = side_by_side({"drawn": pairs})
    assert (row.labels.array.max(), words) == (2, "drawn")
