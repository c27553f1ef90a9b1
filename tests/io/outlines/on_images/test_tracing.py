"""Polygons hold exactly the pixels of the mask they were traced from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label
from skimage.measure import grid_points_in_poly

from napari_synthseg.io.outlines.on_images.tracing import (
    Polygon,
    joined_ring,
    signed_area,
    trace_mask,
)

MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.booleans())


def fill(polygons: list[Polygon], shape: tuple[int, int]) -> np.ndarray:
    """Count for each pixel how many polygons hold its middle, by another library."""
    count = np.zeros(shape, int)
    for polygon in polygons:
        within = np.zeros(shape, int)
        for ring in polygon.rings:
            within += grid_points_in_poly(shape, ring - 0.5, binarize=True)
        count += within % 2
    return count


def test_a_pixel_is_a_square_from_its_corner() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1, 2] = True
    (polygon,) = trace_mask(mask, (10, 20))
    corners = {tuple(corner) for corner in polygon.exterior.tolist()}
    assert corners == {(11, 22), (11, 23), (12, 22), (12, 23)}
    assert signed_area(polygon.exterior) == 1
    assert polygon.holes == ()


def test_straight_edges_have_no_corners_in_between() -> None:
    (polygon,) = trace_mask(np.ones((300, 200), bool))
    assert sorted(polygon.exterior.tolist()) == [[0, 0], [0, 200], [300, 0], [300, 200]]


def test_holes_that_touch_at_a_corner_are_two() -> None:
    mask = np.ones((4, 4), bool)
    mask[1, 1] = mask[2, 2] = False
    (polygon,) = trace_mask(mask)
    assert [signed_area(hole) for hole in polygon.holes] == [-1, -1]
    assert signed_area(polygon.exterior) == 16


def test_a_ring_that_closes_at_a_corner_keeps_its_hole() -> None:
    mask = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], bool)
    (polygon,) = trace_mask(mask)
    assert [signed_area(ring) for ring in polygon.rings] == [8, -1]


def test_parts_come_largest_first_and_those_that_touch_at_corners_apart() -> None:
    mask = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert [signed_area(p.exterior) for p in trace_mask(mask)] == [2, 1]
    assert trace_mask(np.zeros((3, 3), bool)) == []


@given(MASKS)
@settings(max_examples=200, deadline=None)
def test_polygons_filled_give_the_mask_back(mask: np.ndarray) -> None:
    polygons = trace_mask(mask)
    np.testing.assert_array_equal(fill(polygons, mask.shape), mask)
    assert len(polygons) == label(mask)[1]
    for polygon in polygons:
        assert signed_area(polygon.exterior) > 0
        assert all(signed_area(hole) < 0 for hole in polygon.holes)
        for ring in polygon.rings:
            assert len({tuple(corner) for corner in ring.tolist()}) == len(ring)


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_polygons_are_valid_by_the_rules_of_ogc(mask: np.ndarray) -> None:
    shapely = pytest.importorskip("shapely")
    for polygon in trace_mask(mask):
        shape = shapely.Polygon(polygon.exterior, polygon.holes)
        assert shapely.is_valid_reason(shape) == "Valid Geometry"
        assert shape.area == sum(signed_area(ring) for ring in polygon.rings)


@given(MASKS.filter(np.any))
@settings(max_examples=100, deadline=None)
def test_one_ring_through_all_parts_and_holes_is_filled_by_coco_as_the_mask(
    mask: np.ndarray,
) -> None:
    from faster_coco_eval import mask as coco

    ring = joined_ring(trace_mask(mask))
    filled = coco.decode(
        coco.frPyObjects([ring[:, ::-1].astype(float).ravel().tolist()], *mask.shape)
    )
    np.testing.assert_array_equal(filled[..., 0].astype(bool), mask)
