"""Images that are shown resampled: parts equal the whole, and nothing is aliased or moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_synthseg.core.pixels import ArraySource, ScaledSource, scaled_position

FACTORS = st.floats(0.08, 3.0)


def picture(shape=(2, 61, 83), seed=0):
    noise = np.random.default_rng(seed).random(shape, np.float32)
    return ndimage.gaussian_filter(noise, (0, 3, 3)).astype(np.float32)


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
