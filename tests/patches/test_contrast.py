"""How much objects stand out: beside their neighbors, and in a time that follows their number."""

import time

import numpy as np
import pytest

from napari_synthseg.core.geometry import region_slices
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.quality import contrast
from napari_synthseg.patches.quality.contrast import measure_contrasts
from tests.helpers.clicked_discs import finish


def square(number, origin, image, edge=30):
    """Return a patch of an image whose object is the middle third."""
    mask = np.zeros((edge, edge), bool)
    mask[edge // 3 : 2 * edge // 3, edge // 3 : 2 * edge // 3] = True
    (y, x), middle = origin, (edge / 2, edge / 2)
    pixels = image[:, y : y + edge, x : x + edge]
    return Patch(str(number), "a", 1, pixels, mask, origin, middle, method="network")


def scene(count, seed=0):
    rng = np.random.default_rng(seed)
    side = int(count**0.5 * 25) + 120
    image = rng.random((1, side, side), np.float32)
    places = rng.integers(0, side - 90, (count, 2)).tolist()
    return [square(n, tuple(p), image, 90 if n == 0 else 30) for n, p in enumerate(places)]


def test_neighbors_of_any_size_are_left_out_of_the_surroundings():
    """As when every patch is compared with every other one."""
    patches = scene(60)
    found = exhaust(measure_contrasts(patches))
    for number, patch in enumerate(patches):
        ids = np.zeros((500, 500), int)
        for other in patches:
            if other is not patch:
                other.paint(ids, (0, 0), 1)
        others = (ids[region_slices(patch.window)] > 0) & ~patch.mask
        np.testing.assert_equal(found[number], vars(contrast)["_contrast"](patch, others))
    assert np.isfinite(found).any()


def test_one_large_patch_does_not_make_all_neighbors_of_all(monkeypatch):
    patches = scene(400)
    image = np.zeros((1, 900, 900), np.float32)
    seen = {}
    overlapping = vars(contrast)["_overlapping"]

    def counted(windows, boxes):
        for number, near in enumerate(overlapping(windows, boxes)):
            seen[number] = len(near)
            yield near

    monkeypatch.setattr(contrast, "_overlapping", counted)
    exhaust(measure_contrasts([*patches, square(400, (0, 0), image, 900)]))
    assert np.median([seen[n] for n in range(1, 400)]) < 20


def test_it_can_be_stopped_twice_a_second():
    patches = scene(1500)
    work, slowest = measure_contrasts(patches), 0.0
    start = time.thread_time()
    for _ in work:
        slowest, start = max(slowest, time.thread_time() - start), time.thread_time()
    assert slowest < 0.5
    steps, values = finish(measure_contrasts(patches))
    assert len(values) == 1500
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps)
    assert 0 < steps[-1].fraction <= 1


@pytest.mark.parametrize("height", [0.5, 1.0])
def test_brightness_counts_in_units_of_the_spread_outside(height):
    image = np.random.default_rng(0).normal(0, 0.1, (1, 60, 60)).astype(np.float32)
    image[:, 20:40, 20:40] += height
    patch = square(1, (0, 0), image, 60)
    assert exhaust(measure_contrasts([patch]))[0] == pytest.approx(height / 0.1, rel=0.15)
