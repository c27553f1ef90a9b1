"""Learning stage by stage: kept, resumed, stopped early, and the same twice."""

import numpy as np
import pytest
import torch

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    UNKNOWN,
    DualImage,
    MaskedImages,
    RegionLabels,
)
from napari_synthseg.core.progress import Cancelled
from napari_synthseg.synthesis import VQRecipe
from tests.helpers.clicked_discs import finish
from tests.helpers.masked_stripes import QUICK, Memory, masked_images, striped


def fitted(source=None, artifacts=None, **fields):
    steps, made = finish(VQRecipe(**{**QUICK, **fields}).fit(source or masked_images(), artifacts))
    return made, steps


def same(one, other):
    return np.array_equal(one.image, other.image) and np.array_equal(
        one.labels.values, other.labels.values
    )


@pytest.fixture(scope="module")
def source():
    return masked_images()


@pytest.fixture(scope="module")
def memory(source):
    memory = Memory()
    memory.first = fitted(source, memory)[0]
    return memory


def test_what_is_kept_is_not_learned_again(source, memory):
    memory.saves.clear()
    again, steps = fitted(source, memory)
    assert memory.saves == []
    assert len(steps) < 8
    assert same(again.pair(1), memory.first.pair(1))
    assert steps[-1].metrics["codes used"] > 0
    assert "held bits per code" in steps[-1].metrics


@pytest.mark.parametrize(
    "changed",
    [{"seed": 5, "temperature": 0.5, "grain": "noise", "grain_strength": 0.5, "gate": False},
     {"agreement": 0.2, "copy_distance": 0.1, "attempts": 1}],
)  # fmt: skip
def test_what_changes_nothing_learned_learns_nothing(source, memory, changed):
    memory.saves.clear()
    made, _ = fitted(source, memory, **changed)
    assert memory.saves == []
    assert made.pair(0).image.shape == (1, 32, 32)


def test_another_size_only_measures_anew(source, memory):
    memory.saves.clear()
    made, _ = fitted(source, memory, size=40)
    assert [name.split("-")[1] for name in memory.saves] == ["facts"]
    assert made.pair(0).image.shape == (1, 40, 40)


@pytest.mark.parametrize(
    ("changed", "learned"),
    [({"prior_steps": 3}, {"prior"}), ({"gate_steps": 2}, {"segmenter", "facts"}),
     ({"vq_steps": 5}, {"codes", "grain", "prior"}),
     ({"smoothing": 2.0}, {"codes", "grain", "prior"})],
)  # fmt: skip
def test_only_what_depends_on_a_change_is_learned_again(source, memory, changed, learned):
    memory.saves.clear()
    fitted(source, memory, **changed)
    assert {name.split("-")[1] for name in memory.saves} == learned


def test_names_are_letters_digits_and_hyphens(memory):
    assert all(name.replace("-", "").isalnum() for name in memory.kept)


@pytest.mark.parametrize(
    ("message", "how"),
    [("learning codes", "closed"), ("learning how codes", "cancelled"),
     ("training the network", "closed")],
)  # fmt: skip
def test_a_stopped_fit_goes_on_where_it_was(source, memory, how, message):
    stopped = Memory()
    steps = VQRecipe(**QUICK).fit(source, stopped)
    seen = 0
    for step in steps:
        seen += step.message.startswith(message) and "loss" in step.metrics
        if seen == 3:
            break
    if how == "closed":
        steps.close()
    else:
        with pytest.raises(Cancelled):
            steps.throw(Cancelled())
    made, rest = fitted(source, stopped)
    told = [s.message for s in rest if s.message.startswith(message) and "loss" in s.metrics]
    assert told[0].endswith("step 4")
    assert same(made.pair(2), memory.first.pair(2))


def test_a_lattice_and_a_prior_that_is_told_shares_give_pairs(source):
    made, _ = fitted(source, quantizer="fsq", on_shares=True)
    pair = made.pair(17)
    assert pair.image.shape == (1, 32, 32)
    assert isinstance(pair.labels, RegionLabels)


def test_side_by_side_pairs_are_as_large_as_crops(source):
    made, _ = fitted(source, joining="side by side")
    assert made.pair(0).image.shape == (1, 16, 16)
    assert "Side by side" in made.notes[0]


def test_three_channels_and_images_smaller_than_the_crop():
    made, _ = fitted(masked_images(shape=(36, 27), channels=3), size=40, crop=128)
    assert made.pair(0).image.shape == (3, 40, 40)
    assert "crops of 24 pixels" in made.notes[0]
    assert "larger than any image" in made.notes[1]


def test_one_class_unknown_pixels_and_nothing_held_out():
    made, steps = fitted(masked_images(2, 0, classes=1, unknown=True))
    assert set(np.unique(made.pair(0).labels.values)) <= {0, 1}
    assert any("No image was held out" in note for note in made.notes)
    assert "held bits per code" not in steps[-1].metrics


def test_one_small_image_is_enough():
    made, _ = fitted(masked_images(1, 0, shape=(32, 32)), crop=32)
    assert any("Copies of training images could not be checked" in note for note in made.notes)
    assert made.pair(0).labels.values.shape == (32, 32)


def test_progress_shows_figures_and_pictures_and_touches_no_other_random_numbers(source):
    before = torch.random.get_rng_state().clone()
    made, steps = fitted(source)
    made.pair(0)
    assert torch.equal(before, torch.random.get_rng_state())
    assert {"real", "reconstructed", "drawn"} <= {k for s in steps for k in s.previews}
    assert {"image error", "bits per code"} <= {k for s in steps for k in s.metrics}
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps)


def test_what_cannot_be_learned_from_is_said():
    good = striped(0)
    nothing = RegionLabels.of(np.full((32, 40), UNKNOWN, np.int32))
    for pairs, words in [
        ((), "No image with a mask"),
        ((striped(0, (12, 40)),), "only 12 pixels"),
        ((DualImage(good.image, nothing, 0),), "say nothing"),
    ]:
        with pytest.raises(InputError, match=words):
            list(VQRecipe(**QUICK).fit(MaskedImages(pairs, (), (1, 2))))
