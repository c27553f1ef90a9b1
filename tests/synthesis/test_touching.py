"""Where another object lay against an object, its edge is as soft as anywhere else."""

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.synthesis.paste.cutting import continue_under

BLUR = 1.5


def two_discs(shape=(60, 80), radius=14.0):
    """Return a bright disc that touches another: its difference, its mask, the other's."""
    grid = np.indices(shape)
    masks = [np.hypot(grid[0] - 30, grid[1] - x) < radius for x in (26, 26 + 2 * radius)]
    both = ndimage.gaussian_filter((masks[0] | masks[1]).astype(np.float32), BLUR)
    difference = np.where(masks[1], 0, both)[None]  # what lies under the other: background
    return difference.astype(np.float32), masks[0], masks[1]


def steepest(profile):
    return np.abs(np.diff(profile)).max()


def test_the_edge_towards_another_object_is_as_soft_as_the_free_one():
    difference, mask, other = two_discs()
    free, cut = slice(4, 26), slice(26, 56)
    assert steepest(difference[0, 30, cut]) > 2 * steepest(difference[0, 30, free])
    soft = continue_under(difference, mask, other, BLUR)
    assert steepest(soft[0, 30, cut]) == pytest.approx(steepest(soft[0, 30, free]), rel=0.25)
    assert abs(soft[0, 30, 50:56]).max() < 0.02


def test_what_no_other_object_touches_stays_as_it_is():
    difference, mask, other = two_discs()
    soft = continue_under(difference, mask, other, BLUR)
    np.testing.assert_allclose(soft[0, :, :26], difference[0, :, :26], atol=1e-3)
    alone = continue_under(difference, mask, np.zeros_like(other), BLUR)
    np.testing.assert_array_equal(alone, difference)


def test_an_unknown_blur_and_flat_voxels_will_do():
    difference, mask, other = two_discs()
    volume, solid, beside = (
        np.repeat(a[..., None, :, :], 6, axis=-3) for a in (difference, mask, other)
    )
    soft = continue_under(volume, solid, beside, 0.0, (3.0, 1.0, 1.0))
    assert soft.shape == volume.shape
    assert np.isfinite(soft).all()
    assert steepest(soft[0, 3, 30, 26:56]) < 0.6 * steepest(volume[0, 3, 30, 26:56])
