"""Batches repeat exactly, keep image and labels together, and end with their context."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.training import augmentation
from napari_synthseg.training.augmentation import Augmentation, random_crop
from napari_synthseg.training.batches import draw_batch, prefetched
from tests.helpers.disks import Disks

STILL = Augmentation(zoom=1, turn=False, gain=1, gamma=1, offset=0, noise=0, blur=0)


def a_batch(number, disks, seed=0):
    work = draw_batch(
        disks,
        number,
        size=2,
        crop=(32, 32),
        make_targets=lambda crop, pair: make_targets(crop.labels, (1, 2)),
        augmentation=Augmentation(),
        seed=seed,
    )
    return exhaust(work)


def test_a_batch_is_the_same_at_every_call(disks):
    first, second = a_batch(3, disks), a_batch(3, disks)
    assert first.images.shape == (2, 1, 32, 32)
    assert first.images.equal(second.images)
    assert first.targets[1].equal(second.targets[1])
    assert not first.images.equal(a_batch(4, disks).images)
    assert not first.images.equal(a_batch(3, disks, seed=1).images)


@given(st.integers(0, 1000), st.integers(16, 96))
@settings(max_examples=40, deadline=None)
def test_labels_stay_on_their_objects(seed, edge):
    """An image that *is* its labels must still be so after any geometric change."""
    ids = Disks((64, 72)).pair(seed).labels.ids
    pair = DualImage((ids > 0).astype(np.float32)[None], InstanceLabels(ids, {}), seed)
    changed = Augmentation(gain=1, gamma=1, offset=0, noise=0, blur=0)
    crop = random_crop(pair, (edge, edge), changed, np.random.default_rng(seed))
    image, labels = crop.image, crop.labels
    assert image.shape == (1, edge, edge)
    assert labels.ids.shape == (edge, edge)
    agree = (image[0] > 0.5) == (labels.ids > 0)
    assert agree.mean() > 0.93  # nearest and linear sampling differ at edges only
    assert set(np.unique(labels.ids)) <= set(np.unique(ids))


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_without_changes_a_crop_is_a_turned_piece_of_the_image(seed):
    pair = Disks((32, 32)).pair(seed)
    crop = random_crop(pair, (32, 32), STILL, np.random.default_rng(seed))
    image, labels = crop.image, crop.labels
    turns = [np.rot90(pair.image[0], k) for k in range(4)]
    turns += [np.fliplr(t) for t in turns]
    assert any(np.allclose(image[0], t, atol=1e-4) for t in turns)
    assert sorted(np.bincount(labels.ids.ravel())) == sorted(np.bincount(pair.labels.ids.ravel()))


def test_prefetched_batches_come_in_order_and_the_thread_ends():
    def number(index: int) -> Any:  # stands for a batch
        return index

    with prefetched(number, first=5) as take:
        assert [take(10) for _ in range(10)] == list(range(5, 15))
    assert not any(t.name == "training batches" for t in threading.enumerate())


def test_what_fails_in_the_thread_is_raised_here():
    def make(number):
        raise RuntimeError("broken pair")

    with prefetched(make, first=0) as take, pytest.raises(RuntimeError, match="broken pair"):
        take(10)


def test_a_batch_that_takes_long_is_waited_for_in_short_turns():
    go_on = threading.Event()

    def make(number):
        go_on.wait(10)
        return number

    with prefetched(make, first=0) as take:
        assert take(0.01) is None
        go_on.set()
        assert take(10) == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_crop_of_a_large_image_is_that_of_the_whole_of_it(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    ids = (np.indices((300, 340)).sum(axis=0) // 20).astype(np.int32)
    image = np.cumsum(rng.normal(size=(1, 300, 340)).astype(np.float32), axis=1)
    pair = DualImage(image, InstanceLabels(ids, dict.fromkeys(range(1, 40), 1)), 0)

    def crop():
        return random_crop(pair, (64, 64), Augmentation(), np.random.default_rng(seed))

    whole = crop()
    monkeypatch.setattr(augmentation, "LARGE_PX", 1)
    part = crop()
    np.testing.assert_array_equal(part.labels.ids, whole.labels.ids)
    np.testing.assert_allclose(part.image, whole.image, atol=0.01)
