"""The classifier finds faults that are there, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.realism.classifier import (
    balanced_accuracy,
    classifier_two_sample_test,
    cross_validate,
    take_crops,
)
from tests.helpers.scenes import finish, scenes


def told(real, synthetic, seed=0):
    """Return what the classifier says of two sets of views."""
    return finish(classifier_two_sample_test(real, synthetic, 16.0, seed, crops=160))


@pytest.mark.parametrize("seed", [0, 1])
def test_two_halves_of_one_set_are_not_told_apart(seed):
    found = told(scenes(0, 10), scenes(50, 10), seed)
    assert found.accuracy.low < 0.5 < found.accuracy.high
    assert found.accuracy.value < 0.6
    assert found.verdict == "alike"


@pytest.mark.parametrize(
    ("fault", "clue"),
    [
        ({"seam": 0.1}, "fine grain"),
        ({"noise": 0.045}, "fine grain"),
        ({"contrast": 1.2}, "brightness"),
        ({"blur": 2.0}, "structure"),
    ],
    ids=["bright seam of one pixel", "wrong noise", "wrong contrast", "blurred"],
)
def test_a_fault_is_found(fault, clue):
    found = told(scenes(0, 8), scenes(50, 8, **fault))
    assert found.accuracy.low > 0.7
    assert found.verdict == "clearly different"
    assert found.floor.low < 0.5 < found.floor.high
    assert found.held_out_by == "image"
    assert found.clues[clue].low > 0.7


def test_the_interval_is_honest():
    """Of two sets that do not differ, 95 % of the intervals ought to hold one half."""
    views = scenes(200, 40, shape=(64, 64), objects=3)
    crops = finish(take_crops(views, 32, 40 * 16, np.random.default_rng(0)))
    rng, held, trials = np.random.default_rng(1), 0, 60
    for trial in range(trials):
        names = rng.permutation(np.unique(crops.group))
        one, other = (crops.pick(np.isin(crops.group, names[a : a + 8])) for a in (0, 8))
        found = cross_validate(one, other, trial)
        held += found.low <= 0.5 <= found.high
    assert held / trials >= 0.9


def test_a_fault_in_one_channel_of_a_volume_is_found():
    real, wrong = (scenes(s, 5, shape=(72, 72), depth=6, channels=2) for s in (0, 50))
    for view in wrong:
        rng = np.random.default_rng(3)
        view.image[1] += rng.normal(0, 0.04, view.shape).astype(np.float32)
    assert told(real, wrong).accuracy.low > 0.7
    same = told(real, scenes(80, 5, shape=(72, 72), depth=6, channels=2))
    assert same.accuracy.value < 0.65


def test_images_that_differ_among_themselves_raise_the_floor_not_the_alarm():
    """Brightness that varies from image to image alike on both sides tells nothing of a side."""

    def varied(first):
        rng = np.random.default_rng(first)
        views = scenes(first, 8)
        for view in views:
            view.image[:] += rng.normal(0, 0.5)
        return views

    found = told(varied(0), varied(50))
    assert found.accuracy.low < 0.5
    assert found.verdict == "alike"


def test_few_images_that_are_not_told_apart_prove_nothing():
    found = told(scenes(0, 2), scenes(50, 8))
    assert found.accuracy.low < 0.5 < 0.7 < found.accuracy.high
    assert found.verdict == "not certain"


def test_the_same_seed_gives_the_same_answer():
    real, synthetic = scenes(0, 5), scenes(50, 5, noise=0.035)
    assert told(real, synthetic) == told(real, synthetic)


def test_a_single_group_cannot_be_held_out():
    assert told(scenes(0, 1), scenes(50, 4)) is None


def test_the_interval_widens_where_crops_of_a_group_agree():
    rng = np.random.default_rng(0)
    groups = np.repeat([f"g{i}" for i in range(10)], 20)
    loose = rng.random(200) < 0.7
    bound = np.repeat(np.arange(10) < 7, 20)
    narrow = balanced_accuracy([loose, loose], [groups, groups])
    wide = balanced_accuracy([bound, bound], [groups, groups])
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(2, 8), st.floats(0, 1))
def test_the_interval_holds_the_value(seed, first, second, share):
    rng = np.random.default_rng(seed)
    groups = [np.repeat([f"g{i}" for i in range(n)], 6) for n in (first, second)]
    right = [rng.random(len(g)) < share for g in groups]
    found = balanced_accuracy(right, groups)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(np.mean([r.mean() for r in right]))
