"""A pixel belongs to the outline that holds its center."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import grid_points_in_poly

from napari_synthseg.io.outlines.areas import (
    Area,
    EllipseArea,
    MaskArea,
    PolygonArea,
    crop_mask,
    rectangle,
    rounded_rectangle,
    turned_rectangle,
)
from napari_synthseg.io.outlines.on_images.tracing import trace_mask

SHAPE = (12, 15)


def drawn(area: Area, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    mask, (top, left) = area.draw(shape)
    whole = np.zeros(shape, bool)
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return whole


def polygon(*rings: list[tuple[float, float]]) -> PolygonArea:
    return PolygonArea((tuple(np.array(ring, float) for ring in rings),))


def box(ymin: float, xmin: float, ymax: float, xmax: float) -> list[tuple[float, float]]:
    return [(ymin, xmin), (ymin, xmax), (ymax, xmax), (ymax, xmin)]


def test_corners_of_pixels_are_at_whole_numbers() -> None:
    mask = drawn(rectangle((2, 3, 5, 9)))
    assert mask[2:5, 3:9].all() and mask.sum() == 18
    assert rectangle((2, 3, 5, 9)).bounds == (2, 3, 5, 9)
    assert drawn(rectangle((2.4, 3.4, 5.4, 9.4))).sum() == 18
    assert drawn(rectangle((2.6, 3.4, 5.4, 9.4))).sum() == 12


def test_centers_on_the_line_belong_to_the_right_and_the_bottom() -> None:
    mask = drawn(rectangle((1.5, 2.5, 4.5, 6.5)))
    assert mask[2:5, 3:7].all() and mask.sum() == 12


def test_neighbors_share_no_pixel_and_leave_none_out() -> None:
    corners = [(0, 0), (0, 15), (12, 15), (12, 0)]
    middle = (5.5, 7.5)
    count = np.zeros(SHAPE, int)
    for n, corner in enumerate(corners):
        count += drawn(polygon([corner, corners[n - 1], middle]))
    assert (count == 1).all()


def test_holes_are_left_out_and_parts_are_joined() -> None:
    ring = polygon(box(1, 1, 8, 9), box(3, 3, 5, 6))
    mask = drawn(ring)
    assert mask.sum() == 7 * 8 - 2 * 3 and not mask[3:5, 3:6].any()
    both = PolygonArea((*ring.polygons, *rectangle((3, 3, 5, 6)).polygons))
    assert drawn(both).sum() == 7 * 8
    assert both.bounds == (1, 1, 8, 9)


def test_what_lies_beyond_the_image_is_cut_off() -> None:
    assert drawn(rectangle((-5, -5, 100, 100))).all()
    assert drawn(rectangle((-5, -5, 2, 3))).sum() == 6
    assert drawn(rectangle((10, 13, 99, 99))).sum() == 4
    for far in ((50, 50, 60, 60), (-60, 0, -50, 9), (0, 1e6, 5, 2e6)):
        assert not drawn(rectangle(far)).any()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 14), st.floats(-3, 17)), min_size=3, max_size=9))
def test_any_polygon_is_filled_like_by_another_library(points: list[tuple[float, float]]) -> None:
    ring = np.round(np.array(points), 3) + 0.000123  # no center on a line
    expected = grid_points_in_poly(SHAPE, ring - 0.5, binarize=False)
    mask = drawn(PolygonArea(((ring,),)))
    sure = expected < 2  # neither on an edge nor on a corner
    assert (mask[sure] == (expected[sure] == 1)).all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_ovals_hold_the_centers_that_their_equation_holds(
    height: int, width: int, top: int, left: int
) -> None:
    area = EllipseArea((top + height / 2, left + width / 2), (height / 2, width / 2))
    y, x = np.indices((70, 70))
    dy, dx = 2 * (y - top) + 1 - height, 2 * (x - left) + 1 - width  # twice the distance
    assert area.bounds == (top, left, top + height, left + width)
    mask = drawn(area, (70, 70))
    assert (mask == (dy**2 * width**2 + dx**2 * height**2 <= height**2 * width**2)).all()


def test_turns_are_clockwise_on_the_screen() -> None:
    # a bar to the right, turned by a quarter, hangs down
    bar = turned_rectangle((6, 7), (2, 8), np.pi / 2)
    assert drawn(bar)[2:10, 6:8].all() and drawn(bar).sum() == 16
    lens = drawn(EllipseArea((6, 7), (1.2, 5), np.pi / 4))
    assert lens[8, 9] and lens[3, 4] and not lens[3, 10]


@given(st.floats(0.7, 9), st.floats(0.7, 9), st.floats(-4, 4))
@settings(max_examples=60, deadline=None)
def test_turned_ellipses_hold_what_their_equation_holds(ry: float, rx: float, turn: float) -> None:
    area = EllipseArea((10.3, 11.7), (ry, rx), turn)
    y, x = np.indices((22, 24)) + 0.5 - np.array([10.3, 11.7])[:, None, None]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    value = (along / rx) ** 2 + (across / ry) ** 2
    sure = abs(value - 1) > 1e-6
    assert (drawn(area, (22, 24)) == (value <= 1))[sure].all()


def test_rounded_rectangles_have_no_corners() -> None:
    mask = drawn(rounded_rectangle((1, 1, 11, 14), 4))
    assert not mask[1, 1] and not mask[10, 13] and mask[1, 5:10].all() and mask[5, 1]


def test_masks_are_cut_to_the_image() -> None:
    area = MaskArea(np.ones((4, 5), bool), (-2, 12))
    assert area.bounds == (-2, 12, 2, 17)
    assert drawn(area)[:2, 12:].all() and drawn(area).sum() == 6
    for far in ((99, 99), (-99, 0), (0, -99)):
        assert not drawn(MaskArea(np.ones((4, 5), bool), far)).any()
    small = np.zeros((9, 9))
    assert crop_mask(small).mask.size == 0
    small[3, 4:6] = 7
    cropped = crop_mask(small, (10, 20))
    assert (cropped.origin, cropped.mask.tolist()) == ((13, 24), [[True, True]])


@given(st.integers(0, 2**30 - 1))
@settings(max_examples=100, deadline=None)
def test_traced_masks_are_drawn_as_they_were(bits: int) -> None:
    mask = np.array([bits >> n & 1 for n in range(30)], bool).reshape(5, 6)
    polygons = tuple(
        tuple(ring.astype(float) for ring in each.rings) for each in trace_mask(mask, (3, 4))
    )
    if polygons:
        assert (drawn(PolygonArea(polygons))[3:8, 4:10] == mask).all()


def test_long_outlines_of_large_images_take_no_time() -> None:
    angles = np.linspace(0, 2 * np.pi, 20000, endpoint=False)
    radii = 900 + 90 * np.sin(angles * 400)
    star = np.stack([np.sin(angles), np.cos(angles)], axis=1) * radii[:, None] + 1000
    start = time.perf_counter()
    mask = drawn(PolygonArea(((star,),)), (2000, 2000))
    assert time.perf_counter() - start < 5
    assert mask.sum() == pytest.approx(np.pi * (900**2 + 90**2 / 2), rel=1e-3)
