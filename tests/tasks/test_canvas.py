"""Objects are put in label images; those of resampled images in pixels of the image itself."""

import sys

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.core.pixels import ArraySource, ScaledSource, scaled
from napari_synthseg.tasks.canvas import canvas_for
from tests.helpers.clicked_discs import finish


def discs(shape, radius, centers):
    y, x = np.indices(shape)
    ids = np.zeros(shape, np.int32)
    for number, (cy, cx) in enumerate(centers, start=1):
        ids[((y - cy) ** 2 + (x - cx) ** 2 <= radius**2) & (ids == 0)] = number
    return ids


def put_all(ids, pixels, corner=(0, 0)):
    """Put the objects of a part of an image that begins at a corner on its canvas."""
    canvas = canvas_for(pixels)
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        first = [s.start + c for s, c in zip(box, corner, strict=True)]
        canvas.put(ids[box] == number, first, 1 + number % 2, 0.1 * number)
    return finish(canvas.finish())[1]


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.75, 2.0, 3.0])
def test_discs_come_back_as_they_are(factor):
    radius = 12 / factor
    edge = round(100 / factor)
    centers = [(30 / factor, 30 / factor), (30 / factor, 54.5 / factor), (75 / factor, 40 / factor)]
    truth = discs((edge, edge), radius, centers)
    small = ScaledSource(ArraySource(np.zeros((1, edge, edge), np.float32)), factor)
    places = [((np.arange(n) + 0.5) / factor - 0.5).round().astype(int) for n in small.shape[1:]]
    seen = truth[np.ix_(*[np.clip(p, 0, edge - 1) for p in places])]
    back = put_all(seen, small)
    assert back.ids.shape == truth.shape
    assert [thing.cls for thing in back.objects] == [2, 1, 2]
    assert [thing.id for thing in back.objects] == [1, 2, 3]
    for thing in back.objects:
        mine, true = back.ids == thing.id, truth == thing.id
        iou = np.count_nonzero(mine & true) / np.count_nonzero(mine | true)
        assert iou > (0.93 if factor < 1.5 else 0.8)
        assert thing.center == pytest.approx(ndimage.center_of_mass(mine))
        rows = np.flatnonzero(mine.any(axis=1))
        assert thing.box[0] == (rows[0], rows[-1] + 1)


def test_outlines_are_smooth_and_not_made_of_steps():
    truth = discs((400, 400), 120, [(200, 200)])
    small = ScaledSource(ArraySource(np.zeros((1, 400, 400), np.float32)), 0.1)
    back = put_all(truth[5::10, 5::10].copy(), small)
    rough = np.kron(truth[5::10, 5::10], np.ones((10, 10), np.int32))
    wrong = np.count_nonzero(back.ids != truth)
    assert wrong < 0.7 * np.count_nonzero(rough != truth)


def test_a_region_of_a_large_image_keeps_its_place():
    region = ((50, 250), (100, 300))
    source = ArraySource(np.zeros((1, 400, 400), np.float32), region)
    small = ScaledSource(source, 0.5)
    ids = np.zeros((100, 100), np.int32)
    ids[40:60, 10:30] = 1
    back = put_all(ids, small, (25, 50))
    assert back.ids.shape == (200, 200)
    (thing,) = back.objects
    assert thing.center == pytest.approx((50 + 99.5, 100 + 39.5), abs=1)


def test_nothing_found_stays_nothing():
    small = ScaledSource(ArraySource(np.zeros((1, 80, 80), np.float32)), 0.5)
    back = put_all(np.zeros((40, 40), np.int32), small)
    assert back.objects == ()
    assert not back.ids.any()


def test_of_a_pixel_of_two_objects_the_first_has_it_and_both_are_kept():
    canvas = canvas_for(ArraySource(np.zeros((1, 90, 90), np.float32), ((10, 20), (30, 50))))
    canvas.put(np.ones((3, 4), bool), (12, 31), 2, 0.5)
    canvas.put(np.ones((3, 4), bool), (13, 33), 1, 0.7)
    found = finish(canvas.finish())[1]
    expected = np.zeros((10, 20), np.int32)
    expected[3:6, 3:7] = 2
    expected[2:5, 1:5] = 1
    np.testing.assert_array_equal(found.ids, expected)
    assert [(o.cls, o.score, o.box) for o in found.objects] == [
        (2, 0.5, ((12, 15), (31, 35))),
        (1, 0.7, ((13, 16), (33, 37))),
    ]
    assert found.objects[0].center == (13, 32.5)


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_memory_is_that_of_what_is_found_not_of_the_image(factor):
    """A slide of 400 megapixels, of which an object was found: 2 GB, were they all touched."""
    resource = pytest.importorskip("resource")
    flat = np.broadcast_to(np.float32(0), (1, 20_000, 20_000))
    pixels = scaled(ArraySource(flat), factor)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = put_all(np.pad(np.ones((20, 20), np.int32), 5), pixels, (9000, 9000))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(found.objects) == 1
    assert grown * (1 if sys.platform == "darwin" else 1024) < 100e6
