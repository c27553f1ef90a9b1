"""Images that are shown resampled: parts equal the whole, and nothing is aliased or moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_synthseg.core import pixels
from napari_synthseg.core.geometry import region_shape
from napari_synthseg.core.pixels import ArraySource, ScaledSource, scaled_position

FACTORS = st.floats(0.08, 3.0)


def picture(shape=(2, 61, 83), seed=0):
    noise = np.random.default_rng(seed).random(shape, np.float32)
    smooth = ndimage.gaussian_filter(noise, (0, *[3] * (len(shape) - 1)))
    return smooth.astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(factor=FACTORS, data=st.data())
def test_a_part_is_that_of_the_whole(factor, data):
    source = ScaledSource(ArraySource(picture(), ((5, 58), (7, 80))), factor)
    part = tuple(
        tuple(sorted((data.draw(st.integers(a, b - 1)), data.draw(st.integers(a, b - 1)) + 1)))
        for a, b in source.region
    )
    part = tuple((a, max(b, a + 1)) for a, b in part)
    corner = [a for a, _ in source.region]
    (a, b), (c, d) = [(p - o, q - o) for (p, q), o in zip(part, corner, strict=True)]
    np.testing.assert_allclose(source.read(part), source.read()[:, a:b, c:d], atol=2e-6)


@settings(max_examples=20, deadline=None)
@given(factor=FACTORS)
def test_a_level_stays_and_shapes_follow_the_factor(factor):
    source = ScaledSource(ArraySource(np.full((1, 60, 80), 0.7, np.float32)), factor)
    shown = source.read()
    assert shown.shape[1:] == tuple(b - a for a, b in source.region)
    assert shown.shape == source.shape
    np.testing.assert_allclose(shown, 0.7, rtol=1e-5)
    assert shown.shape[1] == pytest.approx(60 * factor, abs=0.51)


def test_a_factor_of_one_changes_nothing():
    image = picture()
    np.testing.assert_array_equal(ScaledSource(ArraySource(image), 1.0).read(), image)


@pytest.mark.parametrize("factor", [0.25, 0.6, 2.5])
def test_objects_are_where_positions_say(factor):
    y, x = np.indices((90, 120))
    spot = np.exp(-((y - 40.3) ** 2 + (x - 71.8) ** 2) / (2 * 6.0**2)).astype(np.float32)
    shown = ScaledSource(ArraySource(spot[None]), factor).read()[0]
    found = ndimage.center_of_mass(shown)
    assert found == pytest.approx(scaled_position((40.3, 71.8), factor), abs=0.05)


def test_fine_stripes_become_their_mean_and_no_coarse_ones():
    stripes = np.tile(np.array([0.0, 1.0], np.float32), 64)[None, None].repeat(128, axis=1)
    shown = ScaledSource(ArraySource(stripes), 0.3).read()
    assert np.abs(shown[:, :, 2:-2] - 0.5).max() < 0.08


@settings(max_examples=20, deadline=None)
@given(factors=st.tuples(FACTORS, FACTORS, FACTORS), strip=st.integers(1, 4000))
def test_volumes_have_a_factor_along_each_axis_and_strips_give_the_whole(factors, strip):
    volume = ArraySource(picture((1, 17, 24, 21)))
    source = ScaledSource(volume, factors)
    whole = source.read()
    expected = [max(round(n * f), 1) for n, f in zip((17, 24, 21), factors, strict=True)]
    assert list(whole.shape[1:]) == expected
    before, pixels.STRIP_PX = pixels.STRIP_PX, strip
    try:
        np.testing.assert_array_equal(source.read(), whole)
    finally:
        pixels.STRIP_PX = before


def test_an_axis_with_the_factor_one_stays_as_it_is():
    volume = picture((1, 9, 40, 40))
    shown = ScaledSource(ArraySource(volume), (1.0, 0.5, 0.5)).read()
    for plane in range(9):
        flat = ScaledSource(ArraySource(volume[:, plane]), 0.5).read()
        np.testing.assert_array_equal(shown[:, plane], flat)


class Counted:
    """A large even image that remembers how much was read of it at once."""

    shape = (1, 40_000, 40_000)
    region = ((0, 40_000), (0, 40_000))

    def __init__(self):
        self.most = 0

    def read(self, region=None):
        self.most = max(self.most, int(np.prod(region_shape(region))))
        return np.full((1, *region_shape(region)), 0.5, np.float32)


def test_a_tile_of_a_much_reduced_image_is_read_in_strips():
    image = Counted()
    shown = ScaledSource(image, 0.06).read(((600, 1112), (600, 1112)))
    np.testing.assert_allclose(shown, 0.5, rtol=1e-5)
    assert shown.shape == (1, 512, 512)
    assert image.most < 1.3 * pixels.STRIP_PX  # of 73 million pixels
