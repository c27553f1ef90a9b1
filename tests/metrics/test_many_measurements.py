"""Measures of all objects at once, against those of scikit-image one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import find_objects

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.progress import exhaust
from napari_synthseg.metrics import many_measurements
from napari_synthseg.metrics.many_measurements import measure_objects, rows_of
from napari_synthseg.metrics.measurements import measure_object

SIDES = st.integers(1, 9)

TALL = ImageRef(uri="a.tif", pixel_size=(0.5, 0.7), unit="um")


def compare(ids: np.ndarray, pixels: np.ndarray, image: ImageRef) -> None:
    """Measure by both ways; the same names, and the same figures but for rounding."""
    wanted = [i for i in np.unique(ids).tolist() if i > 0]

    def read(region):
        return pixels[(slice(None), *(slice(a, b) for a, b in region))]

    columns = exhaust(measure_objects(ids, wanted, image, read))
    boxes = find_objects(ids)
    for ident, row in zip(wanted, rows_of(columns, len(wanted)), strict=True):
        box = boxes[ident - 1]
        expected = measure_object(ids[box] == ident, image, pixels[(slice(None), *box)])
        assert row.keys() == expected.keys()
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-6), (ident, name)


@given(
    hnp.arrays(
        np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
    ),
    st.integers(1, 30),
)
@settings(max_examples=80, deadline=None)
def test_objects_of_any_form_measure_as_one_by_one(ids, pixels_at_once):
    pixels = np.arange(2 * ids.size, dtype=float).reshape(2, *ids.shape)
    pixels[0][ids == 2] = np.nan
    before = many_measurements.PIXELS_AT_ONCE
    many_measurements.PIXELS_AT_ONCE = pixels_at_once  # few rows at a time, objects across them
    try:
        compare(ids, pixels, TALL)
    finally:
        many_measurements.PIXELS_AT_ONCE = before


def test_large_objects_beside_small_ones():
    y, x = np.mgrid[:180, :160]
    ids = np.zeros((180, 160), np.int32)
    ids[(y - 90) ** 2 / 2 + (x - 80) ** 2 < 60**2] = 5
    ids[(np.hypot(y - 90, x - 80) < 30)] = 0  # a ring: its hull fills it
    ids[3:5, 3:9] = 2
    ids[170:178, 4] = 9
    compare(ids, np.random.default_rng(0).normal(size=(1, 180, 160)), ImageRef(uri="a.tif"))


def test_volumes_measure_as_one_by_one():
    ids = np.zeros((5, 12, 12), np.int32)
    ids[1:4, 2:7, 2:6], ids[2, 8:11, 8:10] = 1, 3
    compare(
        ids, np.random.default_rng(0).normal(size=(1, 5, 12, 12)), ImageRef(uri="a", axes="zyx")
    )


def test_ids_without_a_pixel_and_ids_not_asked_for():
    ids = np.array([[1, 1, 7], [0, 2, -1]], np.int32)
    columns = exhaust(measure_objects(ids, [7, 4, 1], ImageRef(uri="a.tif")))
    assert columns["area_px2"].tolist()[::2] == [1.0, 2.0]
    assert all(np.isnan(values[1]) for values in columns.values())
