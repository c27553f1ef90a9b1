"""Images of which only boxes are known: the boxes follow what is done to the pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.boxes import Boxes, measure_box_iou
from napari_synthseg.core.labels import UNKNOWN, BoxLabels, DualImage, PointLabels
from napari_synthseg.tasks.classify.targets import find_tags
from napari_synthseg.training.augmentation import Augmentation, random_crop
from napari_synthseg.training.crop_boxes import find_boxes

CORNERS = [(10, 12, 34, 40), (60, 5, 90, 45), (20, 60, 50, 100)]
PLAIN = Augmentation(gain=1, gamma=1, offset=0, noise=0, blur=0)


def boxed(shape=(100, 110)):
    """Return an image whose channels are bright in one box each, known by boxes only."""
    image = np.zeros((3, *shape), np.float32)
    for channel, (top, left, bottom, right) in enumerate(CORNERS):
        image[channel, top:bottom, left:right] = 1
    boxes = Boxes.of(CORNERS, [1, 2, 3])
    return DualImage(image, BoxLabels(boxes, shape), 0)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_boxes_follow_the_pixels(seed):
    crop = random_crop(boxed(), (64, 64), PLAIN, np.random.default_rng(seed))
    found = find_boxes(crop.labels)
    ours = dict(zip(found.boxes.classes.tolist(), found.boxes.corners, strict=True))
    for channel, plane in enumerate(crop.image):
        rows, columns = np.nonzero((plane > 0.5) & ~crop.labels.unknown)
        if len(rows) < 200:
            continue  # too little of it is seen to measure
        seen = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        overlap = measure_box_iou(np.array([seen], float), ours[channel + 1][None])[0, 0]
        assert overlap > 0.85


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_what_is_mirrored_beyond_the_border_is_unknown(seed):
    pair = boxed()
    crop = random_crop(pair, (256, 256), PLAIN, np.random.default_rng(seed))
    known = ~crop.labels.unknown
    assert known.sum() == pytest.approx(100 * 110 * crop.zoom**2, rel=0.03)
    shares = find_boxes(crop.labels).share
    assert shares.tolist() == pytest.approx([1, 1, 1])


def test_classes_of_boxes_that_a_crop_hardly_shows_are_left_open():
    boxes = Boxes.of([(0, 0, 10, 10), (-8, 0, 2, 10)], [1, 2])
    labels = BoxLabels(boxes, (20, 20))
    assert find_tags(labels, (1, 2, 3)).tolist() == [1, UNKNOWN, 0]
    assert find_boxes(labels).share.tolist() == pytest.approx([1, 0.2])


def test_a_class_that_is_nowhere_on_the_image_is_not_in_its_mirror_image_either():
    boxes = Boxes.of([(40, 0, 50, 10)], [1])
    unknown = np.zeros((20, 20), bool)
    unknown[15:] = True
    assert find_tags(BoxLabels(boxes, (20, 20), unknown), (1, 2)).tolist() == [UNKNOWN, 0]


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_points_follow_the_pixels(seed):
    image = np.zeros((1, 100, 110), np.float32)
    image[0, 40:43, 60:63] = 1
    labels = PointLabels(np.array([[41.0, 61.0]]), np.array([2]), (100, 110))
    still = Augmentation(zoom=1.3, gain=1, gamma=1, offset=0, noise=0, blur=0)
    crop = random_crop(DualImage(image, labels, 0), (64, 64), still, np.random.default_rng(seed))
    bright = np.argwhere(crop.image[0] > 0.5)
    ((y, x),) = crop.labels.positions
    inside = 2 <= y < 62 and 2 <= x < 62
    assert find_tags(crop.labels, (1, 2)).tolist() == [0, float(-0.5 <= y < 63.5 > x >= -0.5)]
    if inside:
        assert np.abs(bright.mean(axis=0) - (y, x)).max() < 1


def test_what_is_not_known_of_an_image_follows_its_pixels():
    pair = boxed()
    unknown = np.zeros((100, 110), bool)
    unknown[:, 55:] = True
    labels = BoxLabels(pair.labels.boxes, (100, 110), unknown, frozenset({3}))
    image = unknown[None].astype(np.float32)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        crop = random_crop(DualImage(image, labels, 0), (64, 64), PLAIN, rng)
        assert (crop.labels.unknown >= (crop.image[0] > 0.9)).all()
        assert crop.labels.incomplete == {3}


def test_a_class_of_which_boxes_are_missing_may_be_shown():
    none = BoxLabels(Boxes.of([]), (20, 20), incomplete=frozenset({1}))
    assert find_tags(none, (1, 2)).tolist() == [UNKNOWN, 0]
    one = BoxLabels(Boxes.of([(0, 0, 10, 10)]), (20, 20), incomplete=frozenset({1}))
    assert find_tags(one, (1, 2)).tolist() == [1, 0]
    points = PointLabels(np.zeros((0, 2)), np.zeros(0, np.int64), (20, 20), frozenset({2}))
    assert find_tags(points, (1, 2)).tolist() == [0, UNKNOWN]


def test_a_class_may_be_where_an_image_does_not_count():
    unknown = np.zeros((20, 20), bool)
    unknown[15:] = True
    limited = BoxLabels(Boxes.of([(0, 0, 10, 10)]), (20, 20), unknown)
    assert find_tags(limited, (1, 2), limited).tolist() == [1, UNKNOWN]
