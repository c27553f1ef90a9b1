"""Measures of single objects, against figures known by hand and those of geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.metrics.measurements import measure_object

UNSCALED = ImageRef(uri="a.tif")


def test_a_rectangle_by_hand():
    mask = np.ones((3, 4), bool)
    image = ImageRef(uri="a.tif", pixel_size=(0.5, 0.5), unit="um")
    found = measure_object(mask, image)
    assert found["area_um2"] == 3.0
    assert found["equivalent_diameter_um"] == pytest.approx(2 * math.sqrt(3 / math.pi))
    assert found["solidity"] == 1.0
    # four standard deviations of the middles of 4 and of 3 pixels in a row
    long, short = (4 * math.sqrt((n**2 - 1) / 12) * 0.5 for n in (4, 3))
    assert found["major_axis_um"] == pytest.approx(long)
    assert found["minor_axis_um"] == pytest.approx(short)
    assert 2.2 <= found["feret_diameter_um"] <= 2.5  # the diagonal, 2.5, but for the corners


def test_a_disk_has_the_diameter_of_a_disk():
    y, x = np.mgrid[-40:41, -40:41]
    found = measure_object(y**2 + x**2 <= 40**2, UNSCALED)
    for name in ("equivalent_diameter_px", "feret_diameter_px", "major_axis_px", "minor_axis_px"):
        assert found[name] == pytest.approx(80.5, abs=1.1), name
    assert found["eccentricity"] == pytest.approx(0, abs=0.05)
    assert found["area_px2"] == np.count_nonzero(y**2 + x**2 <= 40**2)


def test_pixels_that_are_not_square_count_by_their_size():
    mask = np.ones((10, 10), bool)
    tall = ImageRef(uri="a.tif", pixel_size=(2.0, 0.5), unit="nm")
    found = measure_object(mask, tall)
    assert found["area_nm2"] == 100.0
    assert found["major_axis_nm"] / found["minor_axis_nm"] == pytest.approx(4)
    assert found["feret_diameter_nm"] == pytest.approx(math.hypot(20, 5), rel=0.1)


def test_a_ball_in_a_volume():
    z, y, x = np.mgrid[-8:9, -16:17, -16:17]
    volume = ImageRef(uri="a.tif", axes="zyx", pixel_size=(2.0, 1.0, 1.0), unit="um")
    found = measure_object((2 * z) ** 2 + y**2 + x**2 <= 16**2, volume)
    assert found["volume_um3"] == pytest.approx(4 / 3 * math.pi * 16**3, rel=0.03)
    assert found["equivalent_diameter_um"] == pytest.approx(32, abs=0.5)
    assert found["feret_diameter_um"] == pytest.approx(34, abs=1)  # 17 planes of 2 um
    assert "eccentricity" not in found


def test_brightness_is_that_of_the_objects_own_pixels_in_each_channel():
    mask = np.array([[True, True], [False, True]])
    pixels = np.array([[[1, 2], [900, 6]], [[65535, 65535], [0, 65535]]], np.uint16)
    found = measure_object(mask, UNSCALED, pixels)
    assert (found["mean_intensity_ch0"], found["mean_intensity_ch1"]) == (3.0, 65535.0)
    damaged = np.array([[[np.nan, 2.0], [0, 4.0]], np.full((2, 2), np.nan)])
    found = measure_object(mask, UNSCALED, damaged)
    assert found["mean_intensity_ch0"] == 3.0
    assert "mean_intensity_ch1" not in found


@given(hnp.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))).filter(np.any))
@settings(max_examples=60, deadline=None)
def test_objects_of_any_form_have_a_size(mask):
    found = measure_object(mask, UNSCALED)
    assert found["area_px2"] == mask.sum()
    assert all(math.isfinite(value) and value >= 0 for value in found.values())
    assert found["minor_axis_px"] <= found["major_axis_px"] + 1e-9


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 5), (6, 1, 1), (2, 1, 3)])
def test_flat_objects_in_volumes_are_measured(shape):
    found = measure_object(np.ones(shape, bool), ImageRef(uri="a.tif", axes="zyx"))
    assert found["volume_px3"] == math.prod(shape)


@pytest.mark.parametrize("flat", [False, True])
def test_volumes_have_a_hull_where_they_are_more_than_a_plane_and_none_is_warned_of(flat, recwarn):
    mask = np.zeros((3, 4, 5), bool)
    mask[1] = True
    mask[2, 1, 1] = not flat
    found = measure_object(mask, ImageRef(uri="a.tif", axes="zyx"))
    assert found["volume_px3"] == 20 + (not flat)
    assert ("solidity" in found, "feret_diameter_px" in found) == (not flat, not flat)
    slanted = np.eye(4, dtype=bool)[:, :, None] & np.ones(5, bool)  # a plane across the axes
    assert "solidity" not in measure_object(slanted, ImageRef(uri="a.tif", axes="zyx"))
    assert not recwarn.list
