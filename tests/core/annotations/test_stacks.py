"""What is taken for a volume, and how far apart the pixels of an image lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.images.stacks import is_volume


@given(st.integers(1, 1000), st.floats(0.1, 100))
def test_what_the_user_wants_counts(planes, apart):
    assert is_volume(planes, apart, "volume") == (planes > 1)
    assert not is_volume(planes, apart, "planes")


@pytest.mark.parametrize(
    ("planes", "apart", "volume"), [(7, 1, False), (8, 1, True), (8, 10, True), (30, 12.5, False)]
)
def test_the_guess_goes_by_number_and_distance_of_planes(planes, apart, volume):
    assert is_volume(planes, apart) == volume


def test_the_spacing_is_in_units_of_the_finest_axis():
    ref = ImageRef(uri="a", axes="zyx", pixel_size=(0.6, 0.2, 0.2), unit="um")
    assert ref.spacing == pytest.approx((3, 1, 1))
    assert ImageRef(uri="a", axes="zyx").spacing == (1, 1, 1)
    plane = ImageRef(uri="a", axes="zyx", plane={"z": 2}, pixel_size=(0.2, 0.2))
    assert plane.spacing == (1, 1)
