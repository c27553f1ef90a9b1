"""What every recipe promises, whatever its kind; a new kind is tested by being registered."""

import hashlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import napari_synthseg.synthesis  # noqa: F401  (registers every kind)
from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.labels import RegionLabels
from napari_synthseg.core.recipe import Recipe, Synthesizer, load_recipe
from napari_synthseg.patches.build import build_library
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish
from tests.helpers.masked_stripes import QUICK, masked_images
from tests.helpers.randomness import numpy_state

# other tests' own recipes are registered, too, when all tests run in one process
KINDS = sorted(
    k for k, c in Recipe.kinds.items() if not c.__module__.startswith(("test_", "tests."))
)
SMALL = {"paste": {"size": 96}, "vq": QUICK}
"""Parameters that make a kind quick to test."""

EVERYTHING = {
    "size": 96, "canvas": "mixed", "cutout": "square", "blending": "mixed", "counts": "poisson",
    "rare_boost": 0.5, "mixing": 1.0, "patch_size_spread": 0.2, "brightness": 0.1, "scale": 0.3,
    "arrangement": "neighbors", "overlap": 0.2, "match_blur": True, "decoys": 0.5,
}  # fmt: skip
"""Pasting with everything that draws random numbers."""


def small_library(rejected=frozenset()):
    images = [
        clicked(disc_image(CENTERS, seed=n, inside=0.9 - 0.2 * n)[0], CENTERS, f"i{n}")
        for n in range(2)
    ]
    return finish(build_library(images, [DISC], rejected))[1]


SOURCES: dict[str, Callable[[], Any]] = {"patches": small_library, "masks": masked_images}
"""What each kind learns from."""

MOST_SECONDS = 120
"""How long work in another process is awaited: of a process that died nothing ever comes."""


def fitted(kind, source=None, **fields):
    recipe = Recipe.kinds[kind](**{**SMALL.get(kind, {}), **fields})
    return finish(recipe.fit(source or SOURCES[recipe.learns_from]()))[1]


def digest(pair):
    return hashlib.sha256(pair.image.tobytes() + pair.labels.array.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def library():
    return small_library()


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def source(kind):
    return SOURCES[Recipe.kinds[kind].learns_from]()


@pytest.fixture(scope="module")
def fitting(kind, source):
    """What fitting yielded, and the synthesizer that it ended with."""
    return finish(Recipe.kinds[kind](**SMALL.get(kind, {})).fit(source))


@pytest.fixture(scope="module")
def synthesizer(fitting):
    return fitting[1]


@pytest.fixture(scope="module")
def elsewhere():
    """Another process: one for all tests here, as starting it takes longer than what it does."""
    # sums of PyTorch depend on how many threads share them, and that on the load of the machine
    threads = (torch.get_num_threads(),)
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1, initializer=torch.set_num_threads, initargs=threads) as pool:
        yield pool


def test_fitting_reports_progress_and_ends_with_a_synthesizer(fitting):
    steps, made = fitting
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps)
    assert steps[-1].fraction == 1
    assert isinstance(made, Synthesizer)
    assert all(isinstance(note, str) for note in made.notes)


def test_labels_are_exact_and_without_gaps(synthesizer):
    for index in range(12):
        pair = synthesizer.pair(index)
        ids = pair.labels.array
        assert pair.index == index
        assert ids.dtype == np.int32
        assert pair.image.dtype == np.float32
        assert ids.shape == pair.image.shape[1:]
        assert np.isfinite(pair.image).all()
        present = np.unique(ids[ids > 0])
        if isinstance(pair.labels, RegionLabels):
            assert set(present.tolist()) <= {1, 2}
        else:
            assert set(pair.labels.classes) == set(present.tolist())
            np.testing.assert_array_equal(present, np.arange(1, len(present) + 1))
            assert set(pair.labels.classes.values()) <= {1}


def test_a_pair_depends_on_its_index_and_the_saved_recipe_alone(kind, source, synthesizer):
    forward = [digest(synthesizer.pair(i)) for i in range(6)]
    backward = [digest(synthesizer.pair(i)) for i in reversed(range(6))][::-1]
    batch = [digest(p) for p in synthesizer.pairs([4, 0, 2])]
    recipe = Recipe.kinds[kind](**SMALL.get(kind, {}))
    again = finish(load_recipe(recipe.model_dump(mode="json")).fit(source))[1]
    with ThreadPoolExecutor(4) as pool:
        threads = [digest(p) for p in pool.map(again.pair, range(6))]
    assert forward == backward == threads
    assert batch == [forward[4], forward[0], forward[2]]
    assert len(set(forward)) == 6


def test_another_process_makes_the_same_pairs(kind, synthesizer, elsewhere):
    found = elsewhere.apply_async(digests_of_kind, (kind, [5, 1])).get(MOST_SECONDS)
    assert found == [digest(synthesizer.pair(i)) for i in (5, 1)]


def digests_of_kind(kind, indices):
    """Return digests of pairs, made by a synthesizer that was fitted here."""
    made = fitted(kind)
    return [digest(made.pair(i)) for i in indices]


def test_any_process_order_and_batch_makes_the_same_pairs_with_every_option(library, elsewhere):
    synthesizer = fitted("paste", library, **EVERYTHING)
    expected = [digest(synthesizer.pair(i)) for i in range(12)]
    order = np.random.default_rng(1).permutation(12).tolist()
    work = [(synthesizer, order[:6]), (None, order[6:])]
    shares = elsewhere.starmap_async(digests_elsewhere, work).get(MOST_SECONDS)
    assert [d for share in shares for d in share] == [expected[i] for i in order]
    again = fitted("paste", library, **EVERYTHING)
    with ThreadPoolExecutor(4) as pool:
        assert [digest(p) for p in pool.map(again.pair, order)] == [expected[i] for i in order]


def test_a_full_cache_changes_no_pair(library):
    roomy = fitted("paste", library, **EVERYTHING)
    tight = fitted("paste", library, **EVERYTHING)
    tight = replace(tight, factory=replace(tight.factory, cache=ByteCache(20_000)))
    assert [digest(roomy.pair(i)) for i in range(6)] == [digest(tight.pair(i)) for i in range(6)]
    assert tight.factory.cache.nbytes <= 20_000
    assert len(tight.factory.cache) < len(roomy.factory.cache)


def digests_elsewhere(synthesizer, indices):
    """Return digests of pairs, made by a synthesizer that was sent here or fitted here."""
    synthesizer = synthesizer or fitted("paste", **EVERYTHING)
    return [digest(synthesizer.pair(i)) for i in indices]


def test_another_seed_makes_other_pairs(kind, source, synthesizer):
    assert digest(fitted(kind, source, seed=1).pair(0)) != digest(synthesizer.pair(0))


def test_nobody_elses_random_numbers_are_touched(synthesizer):
    before = numpy_state()
    synthesizer.pair(0)
    np.testing.assert_array_equal(before, numpy_state())


def test_a_pair_is_the_callers_to_change(synthesizer):
    first = synthesizer.pair(2)
    expected = digest(first)
    first.image[:] = 0
    first.labels.array[:] = 0
    assert digest(synthesizer.pair(2)) == expected


def test_every_parameter_says_what_it_is(kind):
    fields = Recipe.kinds[kind].model_fields
    missing = [n for n, f in fields.items() if n != "kind" and not f.description]
    assert not missing
