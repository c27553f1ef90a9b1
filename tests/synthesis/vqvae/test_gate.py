"""What the gate turns away, and why."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from napari_synthseg.core.progress import exhaust
from napari_synthseg.synthesis import VQRecipe
from napari_synthseg.synthesis.vqvae.gate import (
    GateCalibration,
    calibrate_gate,
    make_gate,
    mask_amounts,
)
from napari_synthseg.synthesis.vqvae.novelty import ChannelScale, ReferenceIndex, nearest
from napari_synthseg.synthesis.vqvae.segmenter import agreement
from napari_synthseg.synthesis.vqvae.views import MaskedView, views_of
from tests.helpers.masked_stripes import QUICK, masked_images, striped

CPU = torch.device("cpu")
SCALE = ChannelScale((0.5,), (0.25,), 3)


class Levels(nn.Module):
    """Tells the classes of striped images by their gray level: it needs no training."""

    def forward(self, images):
        levels = torch.tensor([0.3, 0.7, 0.95]).reshape(1, 3, 1, 1)
        return -((images - levels) ** 2)


def views(first, count, shape=(96, 96)):
    return views_of([striped(first + n, shape) for n in range(count)], (1, 2))


@pytest.fixture(scope="module")
def train():
    return views(0, 3)


@pytest.fixture(scope="module")
def facts(train):
    return exhaust(calibrate_gate(Levels(), CPU, SCALE, train, blotches(10, 2), 96, 48))


def blotches(seed, count):
    """Views that look like the striped ones and have no order at all."""
    from scipy.ndimage import gaussian_filter

    made = []
    for n in range(count):
        rng = np.random.default_rng(seed + n)
        field = gaussian_filter(rng.standard_normal((96, 96)), 3)
        mask = (field > np.quantile(field, 0.55)).astype(np.int16)
        mask[field > np.quantile(field, 0.95)] = 2
        levels = np.array([0.3, 0.7, 0.95])[mask] + 0.03 * rng.standard_normal((96, 96))
        made.append(MaskedView(levels[None].astype(np.float32), mask))
    return made


def gate(train, facts, agreeing=0.9, distance=0.8):
    return make_gate(Levels(), CPU, SCALE, train, facts, agreeing, distance)


def test_a_pair_like_the_held_out_ones_passes(train, facts):
    verdict = gate(train, facts).judge(blotches(50, 1)[0], [])
    assert verdict.reason is None, verdict.detail


def test_a_mask_that_does_not_fit_its_image_is_turned_away(train, facts):
    view = blotches(50, 1)[0]
    moved = MaskedView(view.image, np.roll(view.mask, 9, axis=0))
    verdict = gate(train, facts).judge(moved, [])
    assert verdict.reason == "agreement"
    assert "asked for" in verdict.detail


@pytest.mark.parametrize("way", [0, 3, 6])
def test_a_copy_is_turned_away_however_it_is_turned_or_shifted(train, facts, way):
    copy = train[1].cut(5, 14, 72, 72).turned(way)
    verdict = gate(train, facts).judge(copy, [])
    assert verdict.reason == "copy"


def test_a_pair_like_an_earlier_one_is_turned_away(train, facts):
    view = blotches(50, 1)[0]
    assert gate(train, facts).judge(view, [view]).reason == "alike"
    assert gate(train, facts, distance=0.4).judge(view, blotches(60, 1)).reason is None


@pytest.mark.parametrize("value", [0, 1, 2])
def test_a_mask_of_one_class_is_turned_away(train, facts, value):
    mask = np.full((96, 96), value, np.int16)
    image = np.full((1, 96, 96), (0.3, 0.7, 0.95)[value], np.float32)
    verdict = gate(train, facts).judge(MaskedView(image, mask), [])
    assert verdict.reason == "mask"
    assert verdict.detail.startswith("0.0% background" if value else "100.0% background")


def test_a_speckled_mask_is_turned_away(train, facts):
    view = blotches(50, 1)[0]
    mask = np.random.default_rng(0).permutation(view.mask.ravel()).reshape(96, 96)
    verdict = gate(train, facts).judge(MaskedView(view.image, mask), [])
    assert verdict.reason == "mask"
    assert "edges" in verdict.detail


def test_thresholds_of_zero_accept_copies_and_what_does_not_agree(train, facts):
    lenient = gate(train, facts, 0, 0)
    assert lenient.judge(train[0], []).reason is None
    view = blotches(50, 1)[0]
    assert lenient.judge(MaskedView(view.image, np.roll(view.mask, 9, axis=0)), []).reason is None


def test_distance_is_0_for_a_copy_and_near_1_for_noise():
    rng = np.random.default_rng(0)
    known = rng.standard_normal((2, 20, 24)).astype(np.float32)
    seen = ReferenceIndex([known], 8)
    assert nearest(known[:, 3:11, 5:13], seen) < 1e-5
    assert nearest(np.rot90(known[:, 3:11, 5:13], axes=(1, 2)), seen) < 1e-5
    assert nearest(known[:, 3:11, 5:13][:, :, ::-1], seen) < 1e-5
    assert nearest(rng.standard_normal((2, 8, 8)).astype(np.float32), seen) > 0.5


def test_agreement_is_the_mean_over_the_classes_a_mask_shows():
    mask = np.zeros((2, 10), np.int16)
    mask[1] = 1
    found = mask.copy()
    found[0, :5] = 2  # a class that the mask does not show has no say of its own
    assert agreement(found, mask, 3) == pytest.approx((0.5 + 1) / 2)
    found[0, :5] = 1
    assert agreement(found, mask, 3) == pytest.approx((0.5 + 10 / 15) / 2)
    mask[0, :5] = -1
    assert agreement(found, mask, 3) == 1
    assert agreement(found, np.full((2, 10), -1, np.int16), 3) == 1


def test_amounts_are_shares_and_edges():
    mask = np.zeros((4, 4), np.int16)
    mask[:, 2:] = 1
    assert mask_amounts(mask, 2) == pytest.approx([0.5, 0.5, (1 / 3) / 2])


def test_facts_survive_keeping(facts):
    assert GateCalibration.model_validate(facts.model_dump(mode="json")) == facts


def test_what_was_turned_away_can_be_looked_at():
    recipe = VQRecipe(**{**QUICK, "crop": 32, "copy_distance": 5, "attempts": 2})
    made = exhaust(recipe.fit(masked_images(shape=(40, 40))))
    pair = made.pair(3)
    assert pair.index == 3
    counts = made.statistics
    assert counts["drawn"] == counts["accepted"] + sum(
        counts[reason] for reason in ("mask", "agreement", "copy", "alike")
    )
    assert counts["given up"] == 16 - counts["accepted"]
    assert 0 < len(made.rejected) <= 32
    assert any("did not pass the gate" in note for note in made.notes)
    bad = [pair for pair in made.pairs(range(16)) if pair.rejection_reason]
    assert len(bad) == counts["given up"] > 0
    first = made.rejected[0]
    assert first.rejection_reason
    assert {pair.rejection_reason for pair in bad} <= {
        each.rejection_reason for each in made.rejected
    }
    assert [p.rejection_reason for p in pickle.loads(pickle.dumps(made)).pairs(range(16))] == [
        p.rejection_reason for p in made.pairs(range(16))
    ]
    assert first.image.shape == pair.image.shape
