import numpy as np
import pytest

from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.networks.click_windows import (
    MIDDLE,
    OBJECT_PX,
    WINDOW_PX,
    Frame,
    average_look,
    cut_window,
    draw_clicks,
    fit_discriminant,
    normalize_windows,
    reduce_channels,
    resample_axis,
    stack_planes,
)


def ramp(height: int = 200, width: int = 220) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x]).astype(np.float32)


@pytest.mark.parametrize("step", [0.3, 1.0, 1.7, 2.5])
def test_window_shows_the_places_that_its_frame_says(step: float) -> None:
    window = cut_window(ArraySource(ramp()), Frame((100.25, 110.5), step))
    places = np.array([100.25 + (n - MIDDLE) * step for n in range(WINDOW_PX)])
    assert np.allclose(window[0, :, 30], places, atol=0.01 + 0.12 * step)
    assert np.allclose(window[1, 30], places + 10.25, atol=0.01 + 0.12 * step)


def test_frame_finds_places_of_the_image_in_the_window() -> None:
    frame = Frame((100.0, 50.0), 2.0)
    assert frame.to_window(np.array([[100.0, 50.0], [104.0, 40.0]])).tolist() == [
        [MIDDLE, MIDDLE],
        [MIDDLE + 2, MIDDLE - 5],
    ]


def test_a_window_of_an_image_whose_pixels_are_long_is_square() -> None:
    frame = Frame((100.0, 110.0), 2.0, (4.0, 1.0))
    (place,) = frame.to_window(np.array([[102.0, 118.0]]))
    assert place.tolist() == [MIDDLE + 4, MIDDLE + 4]
    window = cut_window(ArraySource(ramp()), frame)
    assert np.allclose(np.diff(window[0, :, 30]), 0.5, atol=1e-4)
    assert np.allclose(np.diff(window[1, 30]), 2.0, atol=1e-4)


def test_beyond_the_border_the_outermost_pixels_are_repeated() -> None:
    window = cut_window(ArraySource(ramp(40, 40)), Frame((5.0, 20.0), 1.0))
    assert np.allclose(window[0, :26], 0, atol=1e-4)
    assert np.allclose(window[0, -3:, 0], [34.5, 35.5, 36.5])
    assert np.allclose(window[1, 0, :10], 0, atol=1e-4)
    assert np.allclose(window[1, 0, -10:], 39, atol=1e-4)


def test_resampling_reads_no_more_than_the_window() -> None:
    rows = resample_axis(5000.0, 4.0, 0, 12288)
    assert rows.stop - rows.start <= 64 * 4 + 8
    assert np.allclose(rows.weights.sum(axis=1), 1)


def test_shrinking_takes_means_and_so_keeps_noise_down() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (1, 600, 600)).astype(np.float32)
    window = cut_window(ArraySource(noise), Frame((300.0, 300.0), 8.0))
    assert window.std() < 0.2


def test_discriminant_finds_the_channel_that_tells_objects_apart() -> None:
    rng = np.random.default_rng(1)
    windows = rng.normal(0, 1, (4, 3, WINDOW_PX, WINDOW_PX)).astype(np.float32)
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX]
    windows[:, 2, np.hypot(y - MIDDLE, x - MIDDLE) < OBJECT_PX / 2] -= 3
    brightness, weights = fit_discriminant(windows, [np.zeros((0, 2))] * 4)
    assert brightness == pytest.approx([1 / 3] * 3)
    assert np.abs(weights).argmax() == 2
    assert weights[2] < -0.8
    assert np.abs(weights).sum() == pytest.approx(1)


def test_discriminant_of_one_channel_is_that_channel() -> None:
    windows = np.zeros((2, 1, 64, 64), np.float32)
    assert fit_discriminant(windows, [np.zeros((0, 2))] * 2).tolist() == [[1], [1]]


def test_a_mean_in_which_colors_cancel_out_is_not_looked_at() -> None:
    windows = np.random.default_rng(1).normal(0, 0.05, (4, 2, 64, 64)).astype(np.float32)
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX]
    disk = np.hypot(y - MIDDLE, x - MIDDLE) < OBJECT_PX / 2
    windows[:, 0, disk] += 1
    windows[:, 1, disk] -= 1
    brightness, weights = fit_discriminant(windows, [np.zeros((0, 2))] * 4)
    assert brightness.tolist() == weights.tolist()
    assert weights == pytest.approx([0.5, -0.5], abs=0.1)


def test_pixels_of_other_clicks_are_not_surroundings() -> None:
    windows = np.zeros((1, 2, WINDOW_PX, WINDOW_PX), np.float32)
    windows += np.random.default_rng(2).normal(0, 0.1, windows.shape).astype(np.float32)
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX]
    windows[0, 0, np.hypot(y - MIDDLE, x - MIDDLE) < OBJECT_PX / 2] += 1
    neighbors = [np.array([MIDDLE + 22 * np.sin(a), MIDDLE + 22 * np.cos(a)]) for a in range(6)]
    for place in neighbors:
        windows[0, 0, np.hypot(y - place[0], x - place[1]) < OBJECT_PX / 2] += 1
    _, weights = fit_discriminant(windows, [np.array(neighbors)])
    assert weights[0] > 0.9


def test_brightness_runs_from_minus_one_to_one_and_is_bounded() -> None:
    planes = np.random.default_rng(3).uniform(100, 300, (2, 64, 64)).astype(np.float32)
    planes[0, 0, 0] = 1e6
    stretched = normalize_windows(planes)
    assert np.quantile(stretched[1], [0.02, 0.98]) == pytest.approx([-1, 1], abs=0.01)
    assert stretched[0, 0, 0] == 3
    assert np.isfinite(normalize_windows(np.full((1, 64, 64), 7.0, np.float32))).all()


def test_look_is_the_same_turned_and_mirrored() -> None:
    reduced = np.random.default_rng(4).normal(0, 1, (5, 2, 64, 64)).astype(np.float32)
    look = average_look(reduced)
    assert np.allclose(look, look[::-1], atol=1e-6)
    assert np.allclose(look, look.T, atol=1e-6)
    flat = np.ones_like(reduced) * 0.5
    assert np.allclose(average_look(flat), 0.5)


def test_planes_in_their_order() -> None:
    reduced = reduce_channels(
        np.random.default_rng(5).random((3, 1, 64, 64), np.float32), np.ones((2, 1), np.float32)
    )
    others = np.stack([draw_clicks(np.array([[10.0, 20.0]]))] * 3)
    planes = stack_planes(reduced, others, np.full((64, 64), 0.25, np.float32))
    assert planes.shape == (3, 5, 64, 64)
    assert np.array_equal(planes[:, 0], planes[:, 1])
    assert planes[0, 2, 31:33, 31:33].min() == planes[0, 2].max()
    assert planes[1, 3].max() == planes[1, 3, 10, 20] == 1
    assert (planes[2, 4] == 0.25).all()


@pytest.mark.parametrize("step", [0.4, 3.0, 50.0])
def test_windows_far_beyond_an_image_repeat_its_edge_and_cost_no_more(step: float) -> None:
    line = np.random.default_rng(0).random(40)
    plan = resample_axis(200.0 if step < 50 else 20.0, step, 0, 40)
    seen = plan.weights @ line[plan.start : plan.stop]
    assert plan.weights.sum(axis=1) == pytest.approx(np.ones(WINDOW_PX), abs=1e-5)
    if step < 50:
        assert seen[-1] == pytest.approx(line[-1], abs=1e-5)
    else:
        assert (seen[0], seen[-1]) == pytest.approx((line[0], line[-1]), abs=1e-5)
    assert plan.weights.shape[1] <= 40
