"""Peaks of heat maps: where they are, and how far apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import pdist
from skimage.feature import peak_local_max

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.metrics.heat_maps.peaks import count_peaks, expect_matches, find_peaks
from napari_synthseg.metrics.heat_maps.targets import find_targets
from napari_synthseg.metrics.localization import Centers, score_centers

maps = hnp.arrays(np.float64, (12, 14), elements=st.integers(0, 5).map(float))


@given(maps, st.floats(1, 6), st.floats(0, 1))
def test_peaks_lie_apart_and_reach_the_threshold(heat, distance, threshold):
    peaks = find_peaks(heat, distance, threshold)
    assert (pdist(peaks) > distance).all()
    values = heat[tuple(peaks.astype(int).T)]
    assert (values >= heat.min() + threshold * np.ptp(heat) - 1e-9).all()
    assert (np.diff(values) <= 0).all()
    assert bool(len(peaks)) == (np.ptp(heat) > 0)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_without_equal_values_peaks_are_those_of_scikit_image(seed, distance):
    from scipy.ndimage import gaussian_filter

    heat = gaussian_filter(np.random.default_rng(seed).random((40, 40)), 3)
    ours = {tuple(p) for p in find_peaks(heat, distance, 0.0).astype(int).tolist()}
    theirs = peak_local_max(heat, min_distance=distance, exclude_border=False, p_norm=2)
    # theirs must also be the highest of their whole window, so a few of ours are missing there
    assert {tuple(p) for p in theirs.tolist()} <= ours


@pytest.mark.parametrize("side", [1, 2, 5, 9])
def test_a_plateau_has_one_peak_in_its_middle(side):
    heat = np.zeros((30, 40))
    heat[4 : 4 + side, 6 : 6 + side] = heat[20, 30] = 3.0
    peaks = find_peaks(heat, 2.0)
    assert len(peaks) == 2
    assert np.abs(peaks - [4 + (side - 1) / 2, 6 + (side - 1) / 2]).max(axis=1).min() <= 0.5


def test_a_ring_has_its_peak_on_the_ring():
    heat = np.zeros((20, 20))
    heat[5:14, 5:14] = 1.0
    heat[8:11, 8:11] = 0.2
    (peak,) = find_peaks(heat, 3.0).astype(int)
    assert heat[tuple(peak)] == 1.0


def test_of_close_peaks_the_highest_stays():
    heat = np.zeros((20, 20))
    heat[5, 5], heat[5, 8], heat[15, 15] = 2.0, 3.0, 1.0
    assert find_peaks(heat, 4.0, 0.0).tolist() == [[5, 8], [15, 15]]
    assert find_peaks(heat, 2.0, 0.5).tolist() == [[5, 8], [5, 5]]


def test_peaks_can_be_scored_against_clicks():
    heat = np.zeros((20, 20))
    heat[5, 5] = heat[15, 15] = 1.0
    pairs = [("a", Centers.of([(6, 6), (3, 15)]), Centers.of(find_peaks(heat, 4.0)))]
    values = score_centers(pairs, {1: "cell"}, {1: 8.0}, measured_on="real").values
    assert (values["found"], values["missed"], values["false"]) == (1, 1, 1)


def test_expected_matches_of_random_peaks():
    """Of two peaks on a half and a tenth of the image: 1 - 0.5**2, and 1 - 0.9**2."""
    boxes = Boxes.of([(0, 0, 10, 5), (0, 5, 2, 10)])
    targets = find_targets(boxes, (10, 10), {1: "cell"})[1]
    assert expect_matches(2, targets) == pytest.approx(0.75 + 0.19)
    assert expect_matches(0, targets) == 0.0


def test_peaks_in_overlapping_boxes_are_shared_out():
    """One peak lies in both boxes, the other in one of them: both are found."""
    boxes = Boxes.of([(0, 0, 8, 8), (4, 4, 12, 12)])
    targets = find_targets(boxes, (12, 12), {1: "cell"})[1]
    counts = count_peaks(np.array([(5.0, 5.0), (1.0, 1.0), (0.0, 11.0)]), targets)
    assert (counts.true, counts.predicted, counts.matched) == (2, 3, 2)
