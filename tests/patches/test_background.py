"""The background carries no ghost of an object, and its statistics are those of the image."""

import numpy as np
import pytest
from clicked_discs import CENTERS, DISC, clicked, disc_image, finish
from scipy import ndimage

from napari_synthseg.patches.background import estimate_background, push_pull
from napari_synthseg.patches.build import build_library


def background_of(image):
    return finish(build_library([image], [DISC]))[1].backgrounds[0]


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
    library = finish(build_library([some], [DISC]))[1]
    hidden = ndimage.binary_erosion(ids >= 5, iterations=2)
    assert library.backgrounds[0].pixels[0][hidden].max() < 0.3
    assert not library.backgrounds[0].valid[hidden].any()
    assert library.statistics[0].counts == {1: 4}
    assert library.statistics[0].unclicked == pytest.approx(2.5, abs=0.7)


def test_an_image_without_background_still_gives_one():
    image = np.ones((2, 40, 40), np.float32)
    valid = np.zeros((40, 40), bool)
    valid[0, :3] = True
    background = estimate_background("a", image, valid, (3.0, 3.0), (0, 0))
    assert background.pixels == pytest.approx(np.ones((2, 40, 40)), abs=1e-4)


@pytest.mark.parametrize("shape", [(7,), (13, 8), (1, 9), (3, 6, 5)])
def test_push_pull_carries_a_constant_into_any_hole(shape):
    weight = np.zeros(shape, np.float32)
    weight.flat[1] = 1
    filled = push_pull(np.full(shape, 3, np.float32) * weight, weight)
    assert filled == pytest.approx(np.full(shape, 3), abs=1e-4)
