"""Learned pairs: the same whoever asks, in whatever company, of any size."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_synthseg.core.progress import exhaust
from napari_synthseg.synthesis import VQRecipe
from napari_synthseg.synthesis.vqvae.synthesizer import BLOCK_PAIRS, LearnedSynthesizer
from tests.helpers.masked_stripes import QUICK, masked_images


@pytest.fixture(scope="module")
def made():
    recipe = VQRecipe(**{**QUICK, "agreement": 0.0, "copy_distance": 0.0})
    return exhaust(recipe.fit(masked_images()))


def again(made, **changed):
    return LearnedSynthesizer(made.recipe.model_copy(update=changed), made.learned)


def same(one, other):
    return np.array_equal(one.image, other.image) and np.array_equal(
        one.labels.values, other.labels.values
    )


def test_blocks_may_come_in_any_order(made):
    wanted = [0, 40, BLOCK_PAIRS, 41, 1]
    expected = again(made).pairs(wanted)
    backward = again(made)
    assert all(
        same(backward.pair(i), e) for i, e in reversed([*zip(wanted, expected, strict=True)])
    )
    assert [p.index for p in expected] == wanted


def test_pairs_that_left_memory_come_back_the_same(made):
    one = again(made)
    first = one.pair(2)
    one.pairs(range(BLOCK_PAIRS, 5 * BLOCK_PAIRS, BLOCK_PAIRS))
    assert len(one._ready) < 5
    assert same(one.pair(2), first)


def test_a_pickled_one_makes_the_same_pairs_and_holds_no_network(made):
    expected = made.pair(5)
    stored = pickle.dumps(made)
    assert b"torch" not in stored
    assert same(pickle.loads(stored).pair(5), expected)


def test_threads_share_one(made):
    one = again(made)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one.pair, [3, 20, 3, 21, 0]))
    assert all(same(f, made.pair(i)) for f, i in zip(found, [3, 20, 3, 21, 0], strict=True))


def test_a_pair_is_the_callers_to_change(made):
    first = made.pair(0)
    kept = first.image.copy()
    first.image[:] = 0
    np.testing.assert_array_equal(made.pair(0).image, kept)


def test_seed_and_temperature_give_others(made):
    assert not same(again(made, seed=1).pair(0), again(made).pair(0))
    assert not same(again(made, temperature=0.3).pair(0), again(made).pair(0))


def test_grain_changes_no_mask(made):
    plain, grainy = (again(made, gate=False, grain=g).pair(0) for g in ("none", "quilted"))
    np.testing.assert_array_equal(plain.labels.values, grainy.labels.values)
    assert np.std(plain.image - grainy.image) > 0.01
    half = again(made, gate=False, grain_strength=0.5).pair(0)
    np.testing.assert_allclose(half.image, (plain.image + grainy.image) / 2, atol=1e-5)


def test_larger_than_the_crop_is_drawn_in_one_go(made):
    pair = again(made, size=96, gate=False).pair(0)
    assert pair.image.shape == (1, 96, 96)
    assert pair.labels.values.shape == (96, 96)


def test_a_block_costs_little_more_than_a_pair(made):
    one = again(made, gate=False)
    one.pair(0)
    begun = time.perf_counter()
    one.pairs(range(BLOCK_PAIRS))
    assert time.perf_counter() - begun < 1.0  # drawn already
    assert set(one._blocks) == {0}


def test_drawing_shows_signs_of_life_and_serves_others_meanwhile(made):
    one, wanted = again(made), [1, BLOCK_PAIRS, 2]
    work = one.draw(wanted)
    first = next(work)
    assert "row 1" in first.message
    assert same(one.pair(5), made.pair(5))
    fractions = [first.fraction]
    try:
        while True:
            fractions.append(next(work).fraction)
    except StopIteration as end:
        found = end.value
    assert fractions == sorted(fractions)
    assert len(fractions) > 2 * BLOCK_PAIRS
    assert all(same(f, e) for f, e in zip(found, made.pairs(wanted), strict=True))
    assert [p.index for p in found] == wanted


def test_what_is_drawn_twice_is_counted_once(made):
    one, other = again(made), again(made)
    work = one.draw([0])
    next(work)
    one.pair(3)
    exhaust(work)
    other.pair(0)
    assert one.statistics == other.statistics
