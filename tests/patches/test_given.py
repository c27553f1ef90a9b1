"""Outlines that the user gives: whose clicks they serve, and who keeps clear of them."""

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, MendedOutline
from napari_synthseg.core.labels import UNKNOWN, InstanceLabels
from napari_synthseg.core.patch import Outline
from napari_synthseg.patches.masks.given import GivenOutlines

CELL, NUCLEUS, DEAD_CELL = 1, 2, 3
DIAMETERS = {CELL: 40.0, NUCLEUS: 18.0, DEAD_CELL: 36.0}
REGION = ((100, 160), (200, 260))


def click(cls, mended=None):
    return Click(id=str(cls), image="a", position=(130.0, 230.0), cls=cls, mended=mended)


def square(size):
    """Return a square around the middle of the region."""
    return Outline(np.ones((size, size), bool), (130 - size // 2, 230 - size // 2), 0.9)


def labelled(cls, size=18):
    ids = np.zeros((60, 60), np.int32)
    ids[30 - size // 2 :, 30 - size // 2 :][:size, :size] = 5
    return InstanceLabels(ids, {5: cls})


@pytest.mark.parametrize("by_mask", [True, False])
@pytest.mark.parametrize(
    ("given", "other", "left"),
    [(NUCLEUS, CELL, 40**2), (CELL, NUCLEUS, 18**2), (CELL, DEAD_CELL, 0), (CELL, CELL, 0)],
)
def test_only_objects_of_like_size_keep_clear_of_what_is_given(by_mask, given, other, left):
    size = {CELL: 40, NUCLEUS: 18, DEAD_CELL: 36}
    own = square(size[given])
    mended = None if by_mask else MendedOutline.of(own.mask, own.origin)
    labels = labelled(given, size[given]) if by_mask else None
    found = GivenOutlines([click(given, mended)], REGION, DIAMETERS, labels)
    assert found.beside(square(size[other]), other).area == left


def test_a_mask_serves_clicks_of_its_class_where_there_are_any():
    clicks = [click(CELL), click(NUCLEUS)]
    given = GivenOutlines(clicks, REGION, DIAMETERS, labelled(NUCLEUS)).found
    assert set(given) == {str(NUCLEUS)}
    assert given[str(NUCLEUS)].window == ((121, 139), (221, 239))


def test_a_click_that_went_over_to_another_class_keeps_its_mask():
    given = GivenOutlines([click(CELL)], REGION, DIAMETERS, labelled(NUCLEUS))
    assert set(given.found) == {str(CELL)}
    assert given.beside(square(40), CELL).area < 40**2  # it is a cell now


def test_a_click_on_pixels_that_do_not_count_has_no_mask():
    labels = InstanceLabels(np.full((60, 60), UNKNOWN, np.int32))
    given = GivenOutlines([click(CELL)], REGION, DIAMETERS, labels)
    assert not given.found
    assert given.beside(square(40), CELL).area == 40**2
