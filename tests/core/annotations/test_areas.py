"""What each class covers adds up to the image, in units where they are known."""

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import count_values
from napari_synthseg.metrics.areas import measure_areas

VALUES = np.array([[0, 0, 1, 1], [0, 3, 3, 3]])
NAMES = {1: "matrix", 2: "void", 3: "grain"}


def test_shares_are_of_what_is_known():
    found = measure_areas(count_values(VALUES), NAMES, ImageRef(uri="a.tif"))
    assert [(a.name, a.pixels) for a in found] == [
        ("background", 3), ("matrix", 2), ("void", 0), ("grain", 3),
    ]  # fmt: skip
    assert sum(a.share for a in found) == pytest.approx(1)
    assert {a.size for a in found} == {None}
    partly = measure_areas(
        count_values(np.where(VALUES == 0, -1, VALUES)), NAMES, ImageRef(uri="a.tif")
    )
    assert [a.share for a in partly] == pytest.approx([0, 0.4, 0, 0.6])


def test_areas_and_volumes_have_their_unit():
    flat = ImageRef(uri="a.tif", pixel_size=(0.5, 0.2), unit="um")
    found = measure_areas(count_values(VALUES), NAMES, flat)[3]
    assert (found.size, found.unit) == (pytest.approx(0.3), "um^2")
    deep = ImageRef(uri="a.tif", axes="zyx", pixel_size=(2.0, 0.5, 0.2), unit="um")
    found = measure_areas(count_values(VALUES[None]), NAMES, deep)[3]
    assert (found.size, found.unit) == (pytest.approx(0.6), "um^3")
    by_hand = ImageRef(uri="a.tif", pixel_size=(2.0, 1.0), unit="px")
    assert measure_areas(count_values(VALUES), NAMES, by_hand)[3].size is None
