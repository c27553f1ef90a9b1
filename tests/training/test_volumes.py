"""Volumes, and volumes whose planes lie apart, are learned and predicted on the path of images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.decoding import decode
from napari_synthseg.tasks.segment.prediction import predict_maps
from napari_synthseg.tasks.segment.targets import inner_distance, make_targets
from napari_synthseg.training.augmentation import Augmentation, random_crop
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.volumes import block_shape, crop_shape, fit_spec
from tests.helpers.training import train_model

APART = (3.0, 1.0, 1.0)
GEOMETRY = Augmentation(gain=1, gamma=1, offset=0, noise=0, blur=0, axial_blur=0)


def draw_balls(shape, seed, spacing=APART, count=40, radius=6.0, channels=1):
    """Return a dual volume of bright balls that do not touch."""
    rng = np.random.default_rng(seed)
    ids = np.zeros(shape, np.int32)
    image = rng.normal(0.2, 0.03, (channels, *shape)).astype(np.float32)
    where = np.indices(shape).astype(float)
    for _ in range(count):
        center = rng.uniform(0, shape)
        away = sum(((w - c) * s) ** 2 for w, c, s in zip(where, center, spacing, strict=True))
        if ids[away < (radius + 4) ** 2].any() or not (away < radius**2).any():
            continue
        ids[away < radius**2] = ids.max() + 1
    image[:, ids > 0] += 0.6
    return DualImage(image, InstanceLabels(ids, dict.fromkeys(range(1, ids.max() + 1), 1)), seed)


class Balls(Synthesizer):
    """A synthesizer of balls."""

    def __init__(self, shape=(12, 48, 48), channels=1):
        self.shape, self.channels = shape, channels

    def pair(self, index):
        return draw_balls(self.shape, index, channels=self.channels)


def end(work):
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def train(spec, pairs, **options):
    return end(
        train_model(spec, pairs, class_names={1: "ball"}, diameter=12, spacing=APART, **options)
    )


def predictor_of(model):
    return load_predictor(model.record, model.weights, "cpu")


@pytest.fixture(scope="module")
def trained():
    """A predictor that was trained, small and briefly, to find balls."""
    spec = TrainSpec(
        steps=60,
        volume_crop=32,
        volume_planes=8,
        device="cpu",
        learning_rate=1e-2,
        model=ModelSpec(name="unet", width=4, depth=2),
    )
    return predictor_of(train(spec, Balls()))


# --- the network and its crops ---------------------------------------------------------------


@given(st.floats(1, 40), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_halvings_leave_z_alone_until_the_planes_lie_no_further_apart(apart, depth):
    spec = TrainSpec(model=ModelSpec(name="unet", depth=depth))
    model = fit_spec(spec, (apart, 1.0, 1.0)).model
    assert model.spatial_dims == 3
    assert 0 <= model.flat <= model.depth <= 3
    if model.flat < model.depth:
        assert 2**-0.51 <= apart / 2**model.flat <= 2**0.51
    assert fit_spec(TrainSpec(model=model), (apart, 1.0, 1.0)).model == model


def test_images_keep_their_network():
    spec = TrainSpec(crop=256)
    assert fit_spec(spec, (1.0, 1.0)) == spec
    assert crop_shape(spec, (40, 50)) == (spec.crop, spec.crop)


@given(st.integers(1, 300), st.floats(1, 8))
@settings(max_examples=50, deadline=None)
def test_crops_are_as_deep_as_the_volume_and_can_be_halved(planes, apart):
    spec = fit_spec(TrainSpec(), (apart, 1.0, 1.0))
    crop = crop_shape(spec, (planes, 20, 20))
    assert all(n % m == 0 for n, m in zip(crop, spec.model.multiple, strict=True))
    assert min(planes, spec.volume_planes) <= crop[0] < planes + spec.model.multiple[0]
    assert crop[1:] == (spec.volume_crop, spec.volume_crop)


@pytest.mark.parametrize("flat", [0, 1, 2])
def test_nothing_beyond_the_receptive_radius_counts(flat):
    import torch

    spec = ModelSpec(name="unet", width=4, depth=2, spatial_dims=3, flat=flat)
    radius = receptive_radius(spec)
    assert radius[0] < radius[1] if flat else radius[0] == radius[1]
    torch.manual_seed(0)
    net = build_network(spec, 1, 3).eval()
    image = torch.randn(1, 1, 48, 48, 48)
    changed = image.clone()
    changed[..., 24, 24, 24] += 9
    with torch.inference_mode():
        difference = (net(image) - net(changed)).abs()[0].amax(dim=0)
    touched = (difference.gt(1e-6).nonzero() - 24).abs().amax(dim=0)
    assert all(0 < t <= r for t, r in zip(touched.tolist(), radius, strict=True))


def test_inference_by_blocks_is_that_of_the_whole():
    import torch

    spec = ModelSpec(name="unet", width=4, depth=2, spatial_dims=3, flat=1)
    torch.manual_seed(0)
    net = build_network(spec, 2, 4).eval()
    image = np.random.default_rng(0).normal(size=(2, 11, 50, 70)).astype(np.float32)
    rule = SegmentRule(class_values=(1, 2), diameter=9.0)
    predictor = Predictor(net, spec, 2, rule, torch.device("cpu"))
    pixels = ArraySource(image)
    whole = exhaust(predict_maps(predictor, pixels, (12, 52, 72)))
    pieces = exhaust(predict_maps(predictor, pixels, (4, 16, 32)))
    for one, other in zip(whole, pieces, strict=True):
        assert np.allclose(one, other, atol=1e-5)


# --- crops and targets -----------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_labels_stay_on_their_objects_in_depth(seed, planes):
    ids = Balls((9, 32, 36)).pair(seed).labels.ids
    pair = DualImage((ids > 0).astype(np.float32)[None], InstanceLabels(ids, {}), seed)
    crop = random_crop(pair, (planes, 32, 32), GEOMETRY, np.random.default_rng(seed))
    image, labels = crop.image, crop.labels
    assert image.shape == (1, planes, 32, 32)
    assert labels.ids.shape == (planes, 32, 32)
    assert ((image[0] > 0.5) == (labels.ids > 0)).mean() > 0.93
    assert set(np.unique(labels.ids)) <= set(np.unique(ids))


def test_a_still_crop_is_the_volume_maybe_upside_down():
    still = Augmentation(
        zoom=1, turn=False, gain=1, gamma=1, offset=0, noise=0, blur=0, axial_blur=0
    )
    pair = Balls((6, 32, 32)).pair(1)
    sums = pair.image[0].sum(axis=(1, 2))
    seen = set()
    for seed in range(8):
        image = random_crop(pair, (6, 32, 32), still, np.random.default_rng(seed)).image
        found = image[0].sum(axis=(1, 2))
        upright = np.allclose(found, sums, rtol=1e-4)
        assert upright or np.allclose(found, sums[::-1], rtol=1e-4)
        seen.add(upright)
    assert seen == {True, False}


def test_the_inner_distance_counts_planes_as_far_as_they_lie_apart():
    ids = np.zeros((9, 31, 31), np.int32)
    ids[2:7, 5:26, 5:26] = 1  # 15 pixels high, 21 wide
    near = inner_distance(ids, APART)[4]
    assert near[15, 6] == pytest.approx(2 / 9, abs=1e-6)  # 2 of 9 pixels: 3 planes to the outside
    assert inner_distance(ids)[4, 15, 6] == pytest.approx(2 / 3, abs=1e-6)  # 2 of 3 planes


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_perfect_outputs_give_the_same_volumes_again(seed):
    labels = draw_balls((12, 48, 48), seed, count=20).labels
    classes, distance = make_targets(labels, (1,), APART)
    foreground = np.where(classes > 0, 0.98, 0.02).astype(np.float32)
    rule = SegmentRule(class_values=(1,), diameter=12.0, minimum_area=1, spacing=APART)
    found = exhaust(decode(np.stack([1 - foreground, foreground]), distance, rule))
    pairs = np.unique(np.stack([labels.ids.ravel(), found.ids.ravel()]), axis=1)
    assert pairs.shape[1] == labels.count + 1


# --- training and predicting -----------------------------------------------------------------


def test_training_on_volumes_repeats_and_adapts_the_network():
    spec = TrainSpec(
        steps=2,
        volume_crop=16,
        volume_planes=8,
        device="cpu",
        model=ModelSpec(name="unet", width=4, depth=2),
    )
    pairs = Balls((6, 24, 24), channels=2)
    held = [pairs.pair(7)]
    first, second = (train(spec, pairs, val_pairs=held) for _ in range(2))
    assert (first.spec.spatial_dims, first.spec.flat, first.in_channels) == (3, 2, 2)
    assert first.rule.spacing == APART
    assert all(np.array_equal(first.weights[k], second.weights[k]) for k in first.weights)


def test_balls_are_found_in_blocks_as_in_the_whole(trained):
    true = draw_balls((22, 90, 110), 1, count=80)
    source = ArraySource(true.image)
    whole = end(predict_image(trained, source, image="i", run="r"))
    tiled = end(predict_image(trained, source, image="i", run="r", block=(8, 32, 32)))
    assert block_shape(trained.spec, trained.spacing)[1] > 90, "the whole must be one block"
    assert abs(len(whole.objects) - true.labels.count) <= 3
    assert len(tiled.objects) == len(whole.objects)
    together = np.unique(np.stack([whole.ids.ravel(), tiled.ids.ravel()]), axis=1)
    assert together.shape[1] == len(whole.objects) + 1
    for found in whole.objects:
        assert len(found.center) == len(found.box) == 3


@pytest.mark.parametrize("shape", [(1, 9, 40), (5, 33, 17)])
def test_volumes_of_any_size_are_predicted(trained, shape):
    found = end(predict_image(trained, ArraySource(np.zeros((1, *shape), np.float32)), image="i",
                              run="r"))  # fmt: skip
    assert found.ids.shape == shape


def test_flat_images_are_refused_in_words(trained):
    flat = ArraySource(np.zeros((1, 32, 32), np.float32))
    with pytest.raises(InputError, match=r"trained on volumes.*as a volume, or train"):
        end(predict_image(trained, flat, image="i", run="r"))
