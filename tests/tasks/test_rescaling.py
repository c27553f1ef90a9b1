"""Objects found on a resampled image are given in pixels of the image, with smooth outlines."""

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.core.pixels import ArraySource, ScaledSource
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.tasks.rescaling import at_full_size
from tests.helpers.clicked_discs import finish


def discs(shape, radius, centers):
    y, x = np.indices(shape)
    ids = np.zeros(shape, np.int32)
    for number, (cy, cx) in enumerate(centers, start=1):
        ids[((y - cy) ** 2 + (x - cx) ** 2 <= radius**2) & (ids == 0)] = number
    return ids


def found(ids, corner=(0, 0)):
    things = []
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        center = np.add(ndimage.center_of_mass(ids == number), corner)
        sides = tuple((s.start + c, s.stop + c) for s, c in zip(box, corner, strict=True))
        things.append(FoundObject(number, 1 + number % 2, 0.1 * number, tuple(center), sides))
    return InstancePrediction(ids=ids, objects=tuple(things))


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.75, 2.0, 3.0])
def test_discs_come_back_as_they_are(factor):
    radius = 12 / factor
    edge = round(100 / factor)
    centers = [(30 / factor, 30 / factor), (30 / factor, 54.5 / factor), (75 / factor, 40 / factor)]
    truth = discs((edge, edge), radius, centers)
    small = ScaledSource(ArraySource(np.zeros((1, edge, edge), np.float32)), factor)
    places = [((np.arange(n) + 0.5) / factor - 0.5).round().astype(int) for n in small.shape[1:]]
    seen = truth[np.ix_(*[np.clip(p, 0, edge - 1) for p in places])]
    back = finish(at_full_size(found(seen), small))[1]
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
    back = finish(at_full_size(found(truth[5::10, 5::10].copy()), small))[1]
    rough = np.kron(truth[5::10, 5::10], np.ones((10, 10), np.int32))
    wrong = np.count_nonzero(back.ids != truth)
    assert wrong < 0.7 * np.count_nonzero(rough != truth)


def test_a_region_of_a_large_image_keeps_its_place():
    region = ((50, 250), (100, 300))
    source = ArraySource(np.zeros((1, 400, 400), np.float32), region)
    small = ScaledSource(source, 0.5)
    ids = np.zeros((100, 100), np.int32)
    ids[40:60, 10:30] = 1
    back = finish(at_full_size(found(ids, (25, 50)), small))[1]
    assert back.ids.shape == (200, 200)
    (thing,) = back.objects
    assert thing.center == pytest.approx((50 + 99.5, 100 + 39.5), abs=1)


def test_nothing_found_stays_nothing():
    small = ScaledSource(ArraySource(np.zeros((1, 80, 80), np.float32)), 0.5)
    back = finish(at_full_size(found(np.zeros((40, 40), np.int32)), small))[1]
    assert back.objects == ()
    assert not back.ids.any()
