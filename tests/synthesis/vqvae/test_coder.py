"""Codes of image and mask: views, both ways of joining, both quantizers, unknown pixels."""

import numpy as np
import pytest
import torch

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, RegionLabels
from napari_synthseg.core.specs import Budget
from napari_synthseg.synthesis.vqvae.fit_vqvae import (
    CoderStage,
    as_batch,
    as_pair,
    measure_pair_loss,
    perplexity,
)
from napari_synthseg.synthesis.vqvae.fitting import VALIDATE_AT
from napari_synthseg.synthesis.vqvae.views import (
    draw_view,
    even_crops,
    fitting_edge,
    mirrored,
    views_of,
)
from napari_synthseg.synthesis.vqvae.vqvae import (
    CoderDesign,
    PairCoder,
    count_codes,
    masked_entropy,
)
from napari_synthseg.training.trainer import Trainer, TrainingPlan
from tests.helpers.masked_stripes import masked_images, striped

CPU = torch.device("cpu")


def coder(joining="stacked", quantizer="ema", channels=1, classes=3, codes=16, smoothing=0.0):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        design = CoderDesign(
            channels, classes, codes, joining, quantizer, width=16, smoothing=smoothing
        )
        return PairCoder(design, [0.5] * channels, [0.2] * channels)


def tensors(**kwargs):
    batch = as_batch(views_of([striped(0, **kwargs)], (1, 2)))
    return batch.images, *batch.targets


@pytest.mark.parametrize("quantizer", ["ema", "fsq"])
@pytest.mark.parametrize(("joining", "wide"), [("stacked", 10), ("side by side", 20)])
def test_a_code_stands_for_a_cell_and_decodes_to_both(joining, wide, quantizer):
    net = coder(joining, quantizer, channels=3).eval()
    images, mask = tensors(channels=3)
    with torch.no_grad():
        codes = net.encode(images, mask)
        image, scores = net.decode(codes)
        seen, direct, again, _ = net(images, mask)
    assert codes.shape == (1, 8, wide)
    assert 0 <= codes.min() <= codes.max() < net.codes == 16
    assert image.shape == (1, 3, 32, 40)
    assert scores.shape == (1, 3, 32, 40)
    assert torch.equal(codes, again)
    torch.testing.assert_close(direct, scores)
    torch.testing.assert_close(seen * net.spread + net.mean, image)


def test_side_by_side_neither_half_shows_the_other():
    net = coder("side by side")
    images, mask = tensors()
    joined = net.join(images, mask)
    assert joined.shape == (1, 4, 32, 80)
    assert not joined[:, 1:, :, :40].any()
    assert not joined[:, :1, :, 40:].any()


def test_a_lattice_has_at_most_so_many_codes():
    assert [count_codes(CoderDesign(1, 2, n, quantizer="fsq")) for n in (16, 100, 256)] == [
        16,
        64,
        240,
    ]


@pytest.mark.parametrize("smoothing", [0.0, 0.7, 2.0])
def test_what_is_coded_is_the_image_without_its_finest_detail(smoothing):
    from scipy.ndimage import gaussian_filter

    net = coder(channels=2, smoothing=smoothing)
    images = torch.rand(3, 2, 24, 20)
    expected = (images.numpy() - 0.5) / 0.2
    if smoothing:
        width = (0, 0, smoothing, smoothing)
        expected = gaussian_filter(expected, width, mode="nearest", truncate=3)
    inner = np.s_[..., 8:-8, 8:-8]  # radii are rounded differently, which borders show most
    np.testing.assert_allclose(net.coded(images).numpy()[inner], expected[inner], atol=0.02)
    assert net.coded(images).shape == images.shape


@pytest.mark.parametrize("quantize", [True, False])
def test_unknown_pixels_teach_nothing(quantize):
    net = coder()
    images, mask = tensors(unknown=True)
    assert (mask == UNKNOWN).any()
    scores = torch.randn(1, 3, 32, 40, requires_grad=True)
    masked_entropy(scores, mask).backward()
    assert not scores.grad[:, :, mask[0] == UNKNOWN].any()
    assert scores.grad[:, :, mask[0] != UNKNOWN].all()
    assert not net.join(images, mask)[:, 1:][:, :, mask[0] == UNKNOWN].any()
    nothing = torch.full_like(mask, UNKNOWN)
    loss, parts = measure_pair_loss(net, images, nothing, quantize=quantize)
    assert float(parts["mask loss"]) == 0
    assert torch.isfinite(loss)


def test_views_give_pairs_back():
    pair = striped(0, unknown=True)
    (view,) = views_of([pair], (1, 2))
    again = as_pair(view.image, view.mask, (1, 2), 0)
    np.testing.assert_array_equal(again.labels.values, pair.labels.values)
    np.testing.assert_array_equal(again.image, pair.image)


def test_class_values_need_not_follow_one_another():
    values = np.array([[0, 7], [3, UNKNOWN]], np.int32)
    pair = DualImage(np.zeros((1, 2, 2), np.float32), RegionLabels.of(values), 0)
    (view,) = views_of([pair], (3, 7))
    assert view.mask.tolist() == [[0, 2], [1, UNKNOWN]]
    assert as_pair(view.image, view.mask, (3, 7), 0).labels.values.tolist() == values.tolist()


def test_an_image_of_another_class_or_a_volume_is_refused():
    with pytest.raises(InputError, match="class value 2"):
        views_of([striped(0)], (1,))
    volume = DualImage(
        np.zeros((1, 3, 4, 4), np.float32), RegionLabels.of(np.zeros((3, 4, 4), np.int32)), 0
    )
    with pytest.raises(InputError, match="volume"):
        views_of([volume], (1,))


def test_crops_get_smaller_with_small_images_and_tiny_ones_are_mirrored():
    views = views_of([striped(n, shape) for n, shape in enumerate([(46, 60), (46, 60), (20, 30)])],
                     (1, 2))  # fmt: skip
    assert fitting_edge(views, 128) == 44
    assert fitting_edge(views, 32) == 32
    large = mirrored(views[2], 44)
    assert large.shape == (44, 44)
    np.testing.assert_array_equal(large.mask[20:40, :30], views[2].mask[::-1])


@pytest.mark.parametrize("turns", [True, False])
def test_random_views_have_the_wanted_shape_and_their_mask(turns):
    views = views_of([striped(0, (48, 64))], (1, 2))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        view = draw_view(views, 24, rng, turns)
        assert view.shape == (24, 24)
        assert view.image.shape == (1, 24, 24)
        levels = np.array([0.3, 0.7, 0.95])[view.mask]
        assert np.median(np.abs(view.image[0] - levels)) < 0.06


def test_turns_are_all_different_and_none_without():
    views = views_of([striped(0, (32, 32))], (1, 2))
    ways = {views[0].turned(way).image.tobytes() for way in range(8)}
    assert len(ways) == 8


def test_even_crops_cover_all_and_are_whole_cells():
    views = views_of([striped(0, (50, 33)), striped(1, (20, 90))], (1, 2))
    crops = even_crops(views, 32, 100)
    assert {c.shape for c in crops} == {(32, 32), (20, 32)}
    assert len(crops) == 2 * 2 + 3
    assert len(even_crops(views, 32, 3)) == 3


def test_perplexity_counts_codes_that_are_used():
    assert perplexity(np.array([5, 5, 0, 5, 5])) == pytest.approx(4)


def test_learning_gets_better_than_the_mean_color():
    source = masked_images(shape=(48, 56))
    views = views_of(source.train, (1, 2))
    stage = CoderStage(
        views, views_of(source.held, (1, 2)), CoderDesign(1, 3, 32, width=16), 32, True, (1, 2), 0
    )
    trainer = Trainer(stage, TrainingPlan(Budget(1, 120), 5e-3, VALIDATE_AT), CPU)
    reports = list(trainer.run())
    last = reports[-1].metrics
    assert last["held image error"] < 0.6
    assert last["held mask accuracy"] > 0.8
    assert 0 < last["codes used"] <= 1
    shown = [r.previews for r in reports if r.previews]
    assert shown
    assert len(shown[0]["real"]) == len(shown[0]["reconstructed"]) > 0
