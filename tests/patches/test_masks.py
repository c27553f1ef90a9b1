"""Mask methods: what each is made for, what all keep to, and which is chosen without truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari_synthseg.patches.masks.clicks import ImageClicks, Seeds
from napari_synthseg.patches.masks.finder import MaskFinder
from napari_synthseg.patches.masks.level import find_by_level
from napari_synthseg.patches.masks.outline import MAX_JUMP, closed_paths, find_by_outline
from napari_synthseg.patches.masks.quality import estimate_quality, measure_signs, solidity
from napari_synthseg.patches.masks.seeded_foreground import SeededForeground
from scipy import ndimage

from napari_synthseg.core.errors import InputError
from napari_synthseg.patches.masks import learned
from napari_synthseg.patches.masks.registry import MASK_METHODS, MaskMethod, register

RADIUS = 12.0
CENTERS = [(30, 30), (30, 80), (30, 130), (80, 40), (82, 95), (80, 145), (130, 30), (130, 90)]


def draw(kind, seed=0, shape=(170, 180)):
    """Draw one object a click: (channel, y, x) and the true ids."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, 0.5) + 0.03 * rng.standard_normal(shape)
    roughness = ndimage.gaussian_filter(rng.standard_normal(shape), 1.0)
    ids = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate(CENTERS, start=1):
        away = np.hypot(*(np.indices(shape) - np.reshape((y, x), (2, 1, 1))))
        ids[away < RADIUS] = number
        rim = np.exp(-(((away - RADIUS + 2) / 1.5) ** 2))
        image += {
            "bright": 0.4 * (away < RADIUS),
            "dark": -0.4 * (away < RADIUS),
            "ring": 0.4 * rim,
            "dark ring": -0.4 * rim,
            "texture": 0.6 * roughness * (away < RADIUS),
        }[kind]
    return ndimage.gaussian_filter(image, 0.7)[None].astype(np.float32), ids


def finder_of(image, wish="auto", radius=RADIUS):
    radii = {1: np.full(image.ndim - 1, radius)}
    classes = np.ones(len(CENTERS), np.int64)
    clicks = ImageClicks(image, np.array(CENTERS, float), classes, radii)
    return MaskFinder.fit(clicks, 0.4, {1: wish})


def find(image, wish="auto", radius=RADIUS):
    finder = finder_of(image, wish, radius)
    seeds = finder.image.seeds(np.arange(len(CENTERS)), np.zeros(2, int))
    return finder.methods[1], finder.find(image, seeds, finder.image.classes)


def overlaps(found, ids):
    both = [(found == n, ids == n) for n in range(1, len(CENTERS) + 1)]
    return np.array([(a & b).sum() / max((a | b).sum(), 1) for a, b in both])


@pytest.mark.parametrize(
    ("kind", "least"),
    [("bright", 0.9), ("dark", 0.9), ("ring", 0.6), ("dark ring", 0.6), ("texture", 0.6)],
)
def test_objects_of_every_kind_are_found(kind, least):
    image, ids = draw(kind)
    _, found = find(image)
    assert np.median(overlaps(found.ids, ids)) > least


@pytest.mark.parametrize("kind", ["ring", "dark ring", "texture"])
def test_the_choice_is_better_than_the_level_where_brightness_does_not_tell(kind):
    image, ids = draw(kind)
    method, found = find(image)
    _, by_level = find(image, "level")
    assert method == "learned"
    gain = overlaps(found.ids, ids).mean() - overlaps(by_level.ids, ids).mean()
    assert gain > 0.2


def test_blobs_need_no_classifier():
    image, _ = draw("bright")
    finder = finder_of(image)
    assert finder.methods[1] in ("level", "outline")
    assert not finder.learned


@pytest.mark.parametrize("kind", ["bright", "dark"])
def test_a_diameter_twice_too_large_misleads_neither_choice_nor_masks(kind):
    image, ids = draw(kind)
    finder = finder_of(image, radius=2 * RADIUS)
    assert finder.methods[1] in ("level", "outline")
    np.testing.assert_allclose(finder.image.radii[1], RADIUS, rtol=0.15)
    _, found = find(image, radius=2 * RADIUS)
    assert np.median(overlaps(found.ids, ids)) > 0.85


@pytest.mark.parametrize("kind", ["ring", "dark ring", "texture"])
def test_the_size_of_doubtful_masks_is_not_believed(kind):
    image, _ = draw(kind)
    np.testing.assert_array_equal(finder_of(image).image.radii[1], RADIUS)


class Forgetful(dict):
    def update(self, *args, **kwargs):
        """Keep nothing."""


@pytest.mark.parametrize("wish", ["auto", "learned"])
def test_what_is_remembered_of_the_whole_image_changes_no_mask(wish, monkeypatch):
    image, _ = draw("ring")
    _, quick = find(image, wish)
    make = MaskFinder._on
    monkeypatch.setattr(
        MaskFinder, "_on", lambda *args: replace(make(*args), _on_whole=Forgetful())
    )
    finder = finder_of(image, wish)
    assert not finder._on_whole
    seeds = finder.image.seeds(np.arange(len(CENTERS)), np.zeros(2, int))
    slow = finder.find(image, seeds, finder.image.classes)
    np.testing.assert_array_equal(quick.ids, slow.ids)
    np.testing.assert_array_equal(quick.signs, slow.signs)
    np.testing.assert_array_equal(quick.objectlike, slow.objectlike)


@pytest.mark.parametrize("wish", ["level", "outline", "learned"])
def test_a_wish_is_kept(wish):
    image, _ = draw("bright")
    assert find(image, wish)[0] == wish


def test_outlines_are_not_wished_for_in_volumes():
    volume = np.random.default_rng(0).random((1, 8, 40, 40)).astype(np.float32)
    clicks = ImageClicks(
        volume, np.array([[4.0, 20, 20]]), np.ones(1, np.int64), {1: np.array([2.0, 6, 6])}
    )
    assert MaskFinder.fit(clicks, 0.4, {1: "outline"}).methods[1] == "level"
    with pytest.raises(ValueError, match="planes"):
        find_by_outline(
            SeededForeground(volume[0], Seeds(clicks.positions, np.array([[2.0, 6, 6]])), 0.4)
        )


def test_an_outline_takes_in_a_dent():
    image, ids = draw("bright")
    for y, x in CENTERS:
        image[0, y : y + 3, x + 5 : x + 14] = 0.5
    _, by_outline = find(image, "outline")
    _, by_level = find(image, "level")
    assert overlaps(by_outline.ids, ids).mean() > overlaps(by_level.ids, ids).mean()


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 6), size=st.sampled_from([24, 40]), seed=st.integers(0, 2**16))
def test_any_method_gives_each_click_at_most_one_mask_in_its_basin(count, size, seed):
    rng = np.random.default_rng(seed)
    foreground = rng.random((size, size)).astype(np.float32)
    seeds = Seeds(rng.uniform(0, size - 1, (count, 2)), np.full((count, 2), 5.0))
    block = SeededForeground(foreground, seeds, 0.4)
    for method in (find_by_level, find_by_outline):
        ids = method(block)
        assert ids.shape == foreground.shape
        assert set(np.unique(ids)) <= set(range(count + 1))
        assert ((block.basins == ids) | (ids == 0) | (block.basins == 0)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), rays=st.integers(8, 20), radii=st.integers(6, 12))
def test_closed_paths_close_and_beat_circles(seed, rays, radii):
    rng = np.random.default_rng(seed)
    cost = rng.random((3, rays, radii)).astype(np.float32)
    paths = closed_paths(cost, 0.1)
    jumps = np.abs(np.diff(np.concatenate([paths, paths[:, :1]], axis=1), axis=1))
    assert jumps.max() <= MAX_JUMP
    reached = np.take_along_axis(cost, paths[..., None], axis=2).sum(axis=(1, 2))
    # the closed path goes through one given point: a circle there is among its choices
    start = paths[:, rays // 2]
    circles = cost[np.arange(3), :, start].sum(axis=1)
    assert (reached + 0.1 * jumps.sum(axis=1) <= circles + 1e-3).all()


def test_quality_falls_with_each_sign_of_a_poor_mask():
    good = np.array([[0.95, 0.95, 0.9, 300.0]])
    rows = np.repeat(good, 5, axis=0)
    rows[1, 0], rows[2, 1], rows[3, 2], rows[4, 3] = 0.3, 0.6, 0.1, 900.0
    for method in ("level", "outline", "learned"):
        quality = estimate_quality(method, rows)
        assert (quality[1:] < quality[0]).all()
        assert ((quality >= 0) & (quality <= 1)).all()


def test_no_mask_has_no_quality():
    foreground = np.zeros((20, 20), np.float32)
    ids = np.zeros((20, 20), np.int32)
    ids[5:10, 5:10] = 2
    signs = measure_signs(ids, foreground, [], 3)
    assert np.isnan(signs[0]).all()
    assert np.isnan(signs[2]).all()
    assert estimate_quality("level", signs)[[0, 2]].tolist() == [0, 0]


def test_solidity_of_a_square_and_of_an_l():
    square = np.ones((6, 6), bool)
    bent = square.copy()
    bent[:4, 2:] = False
    assert solidity(square) == pytest.approx(1)
    assert solidity(bent) < 0.75


@pytest.mark.parametrize("shape", [(120, 150), (24, 60, 70)])
def test_coarse_descriptions_on_fewer_pixels_are_nearly_the_same(shape, monkeypatch):
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.normal(size=shape), 2)[None].astype(np.float32)
    radius = (24.0,) * len(shape)
    fast = learned.describe_pixels(image, radius)
    monkeypatch.setattr(learned, "REDUCED_SIGMA_PX", 1e9)
    slow = learned.describe_pixels(image, radius)
    assert fast.shape == slow.shape
    for one, other in zip(fast, slow, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95


def test_an_unknown_method_is_refused_and_the_known_ones_are_named():
    image, _ = draw("bright")
    with pytest.raises(
        InputError, match=r"mask method 'magic' is not installed: .* choose auto, level, outline"
    ):
        finder_of(image, "magic")


@pytest.fixture
def squares():
    """A method from elsewhere, that learns a foreground of its own."""

    class Darkness:
        def apply(self, pixels):
            return 1 - pixels[0]

    def find(block):
        ids = np.zeros(block.foreground.shape, np.int32)
        for number, (y, x) in enumerate(block.seeds.positions.astype(int), start=1):
            ids[y - 4 : y + 5, x - 4 : x + 5] = number
        return np.where(block.basins == ids, ids, 0)

    yield register(
        MaskMethod("squares", "Squares", "", find, lambda *_: Darkness(), 0.5, planes_only=True)
    )
    del MASK_METHODS["squares"]


def test_a_method_from_elsewhere_finds_masks_on_what_it_learned(squares):
    image, _ = draw("dark")
    name, found = find(image, "squares")
    assert name == "squares"
    assert {np.count_nonzero(found.ids == n) for n in range(1, len(CENTERS) + 1)} == {81}
    assert np.isfinite(found.signs).all()
    np.testing.assert_array_equal(found.objectlike, image[0] < 0.5)
