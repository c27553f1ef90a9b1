"""What a patch is graded by on its own: where the click lies, how large and how long it is."""

import numpy as np
import pytest

from napari_synthseg.core.patch import Patch
from napari_synthseg.patches.quality.grade import grade_patch
from napari_synthseg.patches.quality.outline_shape import Elongations, elongation

FIBER = np.zeros((60, 240), bool)
FIBER[25:35, 20:220] = True
DISC = np.hypot(*(np.indices((60, 60)) - 30)) < 15


def graded(mask, click, radius=(15.0, 15.0), **fields):
    patch = Patch(
        "p", "a", 1, np.zeros((1, *mask.shape), np.float32), mask, (0,) * mask.ndim, click,
        confidence=0.9, method="network", **fields,
    )  # fmt: skip
    return grade_patch(patch, radius)


def issues(patch):
    return {f.kind: f.severity for f in patch.issues}


@pytest.mark.parametrize("column", [119.5, 80, 160])
@pytest.mark.parametrize("radius", [25.0, 5.0])
def test_a_long_object_that_is_clicked_off_its_middle_is_good(column, radius):
    patch = graded(FIBER, (29.5, column), (radius, radius))
    assert set(issues(patch).values()) <= {"note"}
    assert issues(patch).keys() <= ({"too large"} if radius == 5.0 else set())
    assert (patch.checked, patch.quality) == ("good", 0.9)


def test_a_click_near_a_long_objects_end_is_a_note():
    patch = graded(FIBER, (30, 215), (25.0, 25.0))
    assert issues(patch) == {"off center": "note"}
    assert patch.quality > 0.6


def test_a_bent_long_object_is_no_ragged_one():
    y, x = np.indices((240, 240)) - 120
    bow = (abs(np.hypot(y, x) - 90) < 5) & (y < 0)
    patch = graded(bow, (30.0, 120.0), (25.0, 25.0))
    assert issues(patch).get("ragged") == "note"
    assert patch.checked == "good"


def test_a_round_object_many_times_too_large_and_a_ragged_one_are_suspicious():
    patch = graded(np.pad(np.hypot(*(np.indices((60, 60)) - 30)) < 29, 5), (35.0, 35.0))
    assert issues(patch) == {"too large": "warning"}
    assert patch.quality < 0.7
    bitten = DISC.copy()
    bitten[:30, 30:] = False
    assert issues(graded(bitten, (32.0, 28.0)))["ragged"] == "warning"


@pytest.mark.parametrize(
    ("click", "found"),
    [
        ((30, 30), {}),
        ((30, 37), {}),
        ((30, 42), {"off center": "note"}),
        ((30, 46), {"off center": "note"}),
        ((30, 50), {"off the object": "reject"}),
    ],
)
def test_only_a_click_beside_an_object_is_off_it(click, found):
    assert issues(graded(DISC, tuple(map(float, click)))) == found


def test_beside_a_long_object_is_off_it():
    assert issues(graded(FIBER, (45.0, 120.0), (25.0, 25.0))) == {"off the object": "reject"}


def test_in_a_volume_of_thick_planes_distances_are_those_in_space():
    z, y, x = np.indices((20, 60, 60)) - np.reshape((10, 30, 30), (3, 1, 1, 1))
    ball = np.hypot(np.hypot(3 * z, y), x) < 15
    radius = (5.0, 15.0, 15.0)
    assert issues(graded(ball, (12.0, 30.0, 30.0), radius)) == {}
    assert issues(graded(ball, (14.0, 30.0, 30.0), radius)) == {"off center": "note"}
    assert issues(graded(ball, (17.0, 30.0, 30.0), radius)) == {"off the object": "reject"}


@pytest.mark.parametrize("width", [1, 3, 8, 9])
def test_the_length_of_a_bar_is_told(width):
    bar = np.zeros((20, 100), bool)
    bar[4 : 4 + width, 10 : 10 + 10 * width] = True
    found = elongation(bar, (1.0, 1.0))
    assert found == pytest.approx(10, rel=0.15) if width > 3 else 4 < found < 11


def test_a_disk_is_not_long_and_neither_are_two():
    assert elongation(DISC, (1.0, 1.0)) == pytest.approx(0.785, rel=0.1)
    assert elongation(np.hstack([DISC[:, 10:45], DISC[:, 16:50]]), (1.0, 1.0)) < 2


def test_the_usual_object_of_a_label_image_is_as_long_as_most_are():
    ids = np.zeros((60, 100), np.int32)
    ids[:2, 5:7] = 1
    ids[58:60, 20:22] = 3
    ids[5:13, 5:85] = 4
    ids[20:28, 5:85] = 7
    ids[40:50, 40:50] = 2
    ids[51:57, :] = -1
    lengths = Elongations()
    assert lengths.usual == 0
    lengths.add(ids)
    assert lengths.usual == pytest.approx(10, rel=0.15)
    for _ in range(5):
        lengths.add(DISC)
    assert lengths.usual < 1, "all images count"
