"""Boundaries, against a case by hand, a brute-force oracle and SciPy's distance transform."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt

from napari_synthseg.metrics.boundary import BoundaryCounts, count_boundaries, find_boundary, within

LEFT_OUT = 3


def test_a_case_by_hand():
    true = np.zeros((7, 9), np.uint8)
    true[2:5, 2:5] = 1
    given_ = np.zeros((7, 9), np.uint8)
    given_[2:5, 3:6] = 1  # the same square, one pixel to the right
    # its boundary is all but its middle pixel: 8 of 9, of which 4 lie on the other one's
    (_, exact) = count_boundaries(true, given_, 2, 0)
    assert exact == BoundaryCounts(8, 8, 4, 4)
    assert exact.f1 == 0.5
    (_, near) = count_boundaries(true, given_, 2, 1)
    assert near == BoundaryCounts(8, 8, 8, 8)
    assert near.f1 == 1
    given_ = np.zeros((7, 9), np.uint8)
    given_[2:5, 6:9] = 1  # four to the right, at the edge of the image, which is no boundary
    (_, far) = count_boundaries(true, given_, 2, 2)
    assert far == BoundaryCounts(8, 7, 3, 3)
    assert far.f1 == pytest.approx(2 * (3 / 7) * (3 / 8) / (3 / 7 + 3 / 8))


def brute_force(true, given_, place, tolerance):
    """Count the boundary pixels of a class pixel by pixel."""

    def edge(codes):
        found = []
        for at in np.ndindex(codes.shape):
            for axis in range(codes.ndim):
                for step in (-1, 1):
                    beside = tuple(n + step * (a == axis) for a, n in enumerate(at))
                    if any(not 0 <= n < m for n, m in zip(beside, codes.shape, strict=True)):
                        continue
                    if codes[at] == place and codes[beside] not in (place, LEFT_OUT):
                        found.append(at)
        return sorted(set(found))

    def near(some, others):
        return sum(any(math.dist(a, b) <= tolerance for b in others) for a in some)

    ours, theirs = edge(true), edge(given_)
    return BoundaryCounts(len(ours), len(theirs), near(ours, theirs), near(theirs, ours))


@st.composite
def codes(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=5))
    elements = st.sampled_from([0, 1, 2])
    true, given_ = (draw(hnp.arrays(np.uint8, shape, elements=elements)) for _ in "12")
    left_out = draw(hnp.arrays(np.bool_, shape))
    return [np.where(left_out, LEFT_OUT, side).astype(np.uint8) for side in (true, given_)]


@given(codes(), st.sampled_from([0, 1, math.sqrt(2), math.sqrt(3), 1.9, 2, 3, 100]))
def test_counts_are_those_of_brute_force(drawn, tolerance):
    counts = count_boundaries(drawn[0], drawn[1], 3, tolerance)
    for place in range(3):
        assert counts[place] == brute_force(drawn[0], drawn[1], place, tolerance + 1e-9)


@given(
    hnp.arrays(np.bool_, hnp.array_shapes(min_dims=1, max_dims=3, max_side=12)),
    st.floats(0, 20),
)
def test_distances_are_those_of_scipy(mask, tolerance):
    expected = (
        distance_transform_edt(~mask) <= tolerance if mask.any() else np.zeros(mask.shape, bool)
    )
    assert np.array_equal(within(mask, tolerance), expected)


@pytest.mark.parametrize("shape", [(67,), (41, 45), (13, 15, 17)])
@pytest.mark.parametrize("tolerance", [0, 1, math.sqrt(2), math.sqrt(3), 2, 3, 4.2, 5, 15.9, 1e6])
def test_distances_to_a_few_pixels_are_those_of_scipy(shape, tolerance):
    mask = np.zeros(shape, bool)
    assert not within(mask, tolerance).any()
    mask[tuple(n // 2 for n in shape)] = True
    for pixels in (mask, mask | (np.random.default_rng(3).random(shape) < 0.01)):
        # the square of the root of 3 is below 3: that distance is in all the same
        expected = distance_transform_edt(~pixels) <= tolerance + 1e-9
        assert np.array_equal(within(pixels, tolerance), expected)


@given(codes())
def test_a_side_compared_with_itself_is_perfect(drawn):
    for counts in count_boundaries(drawn[0], drawn[0], 3, 0):
        assert counts.empty or counts.f1 == 1


@given(codes(), st.floats(0, 4), st.floats(0, 4))
def test_more_tolerance_finds_no_less(drawn, one, other):
    less, more = sorted((one, other))
    pairs = zip(
        count_boundaries(drawn[0], drawn[1], 3, less),
        count_boundaries(drawn[0], drawn[1], 3, more),
        strict=True,
    )
    assert all(a.f1 <= b.f1 for a, b in pairs)


def test_one_sided_boundaries_get_nothing():
    assert BoundaryCounts(true=3).f1 == BoundaryCounts(predicted=3).f1 == 0
    assert BoundaryCounts(3, 3, 0, 0).f1 == 0
    assert BoundaryCounts().empty


def test_the_edge_of_the_image_and_of_ignored_pixels_is_no_boundary():
    codes_ = np.array([[1, 1, LEFT_OUT, 0, 0]], np.uint8)
    assert not find_boundary(codes_, LEFT_OUT).any()
    assert find_boundary(np.array([[1, 1, 0]], np.uint8), LEFT_OUT).tolist() == [
        [False, True, True]
    ]
