"""The background carries no ghost of an object, and its statistics are those of the image."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_synthseg.patches.background import clear_of, estimate_background, push_pull
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish


def background_of(image):
    library = finish(build_library([image], [DISC]))[1]
    return finish(estimate_backgrounds(library))[1][0]


def test_no_ghost_is_left_where_objects_were():
    image, ids = disc_image(CENTERS)
    background = background_of(clicked(image, CENTERS))
    filled, ghost = background.pixels[0], ids > 0
    assert abs(filled[ghost].mean() - 0.1) < 0.01
    assert filled[ghost].std() == pytest.approx(0.02, rel=0.4)
    assert not background.valid[ghost].any()
    np.testing.assert_array_equal(filled[background.valid], image[0][background.valid])
    assert background.level == pytest.approx([0.1], abs=0.01)
    assert background.noise == pytest.approx([0.02], rel=0.2)


def test_a_slope_in_the_background_is_carried_on_under_the_objects():
    image, ids = disc_image(CENTERS)
    slope = np.linspace(0, 0.5, image.shape[2], dtype=np.float32)
    background = background_of(clicked(image + slope, CENTERS))
    for number in (1, 2, 5):
        mine = ids == number
        expected = 0.1 + np.broadcast_to(slope, ids.shape)[mine].mean()
        assert background.pixels[0][mine].mean() == pytest.approx(expected, abs=0.03)


def test_objects_that_nobody_clicked_do_not_leak_in():
    image, ids = disc_image(CENTERS)
    some = clicked(image, CENTERS[:4], exhaustive=False)
    background = background_of(some)
    hidden = ndimage.binary_erosion(ids >= 5, iterations=2)
    assert background.pixels[0][hidden].max() < 0.3
    assert not background.valid[hidden].any()
    assert background.unclicked == pytest.approx(2.5 / 4, abs=0.18)


def test_an_image_without_background_still_gives_one():
    image = np.ones((2, 40, 40), np.float32)
    valid = np.zeros((40, 40), bool)
    valid[0, :3] = True
    background = finish(estimate_background("a", image, valid, (3.0, 3.0), (0, 0)))[1]
    assert background.pixels == pytest.approx(np.ones((2, 40, 40)), abs=1e-4)


@given(st.integers(0, 1000), st.sampled_from([(70, 50), (9, 40, 30)]), st.floats(0.5, 9))
@settings(max_examples=25, deadline=None)
def test_blocks_do_not_show_in_what_is_clear_of_objects(seed, shape, reach):
    rng = np.random.default_rng(seed)
    taken = rng.random(shape) < rng.choice([0, 0.001, 0.02])
    apart = (2.0, 1.0, 1.0)[-len(shape) :]
    with mock.patch("napari_synthseg.patches.background.BLOCK_PX", 16):
        steps, clear = finish(clear_of(taken, reach, apart))
    away = ndimage.distance_transform_edt(~taken, sampling=apart) if taken.any() else np.inf
    np.testing.assert_array_equal(clear, np.broadcast_to(away > reach, shape))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


@pytest.mark.parametrize("shape", [(7,), (13, 8), (1, 9), (3, 6, 5)])
def test_push_pull_carries_a_constant_into_any_hole(shape):
    weight = np.zeros(shape, np.float32)
    weight.flat[1] = 1
    filled = finish(push_pull(np.full(shape, 3, np.float32) * weight, weight))[1]
    assert filled == pytest.approx(np.full(shape, 3), abs=1e-4)
