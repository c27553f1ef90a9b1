"""Measures: known values, known differences, and a floor to judge them by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.realism.distance import (
    compare_quantity,
    compare_spectra,
    halvings,
    judge,
    spectrum,
)
from napari_synthseg.realism.quantities import QUANTITIES, extract_features
from napari_synthseg.realism.view import MAX_WINDOWS, cut_windows
from tests.helpers.scenes import scene, scenes, view_of

BY_NAME = {q.name: q for q in QUANTITIES}


def compared(name, real, synthetic):
    return compare_quantity(
        BY_NAME[name],
        0,
        [extract_features(v) for v in real],
        [extract_features(v) for v in synthetic],
        0,
    )


def values(name, view, channel=0):
    return BY_NAME[name].measure(extract_features(view), channel)


def square(places, shape=(60, 80), edge=10, high=0.8, spacing=(1.0, 1.0)):
    """Return a noise-free view of squares with their first corners at `places`."""
    ids = np.zeros(shape, np.int32)
    for number, corner in enumerate(places, start=1):
        ids[tuple(slice(c, c + edge) for c in corner)] = number
    pixels = np.where(ids > 0, high, 0.2)
    return view_of("s", pixels[None].astype(np.float32), ids, spacing=spacing)


def test_objects_are_measured_as_they_are():
    view = square([(5, 5), (5, 35), (40, 60)])
    assert values("size", view) == pytest.approx([2 * np.sqrt(100 / np.pi)] * 3)
    assert values("contrast", view) == pytest.approx([0.6] * 3)
    assert values("density", view) == pytest.approx([3 * 1e4 / (60 * 80)])
    assert values("neighbors", view) == pytest.approx([30, 30, np.hypot(35, 25)])


def test_spacing_counts():
    view = square([(5, 5), (5, 35)], spacing=(2.0, 1.0))
    assert values("size", view) == pytest.approx([2 * np.sqrt(200 / np.pi)] * 2)
    assert values("density", view) == pytest.approx([2 * 1e4 / (120 * 80)])
    stacked = square([(5, 5), (35, 5)], spacing=(2.0, 1.0))
    assert values("neighbors", stacked) == pytest.approx([60, 60])


def test_what_the_border_cuts_has_no_size_but_counts():
    view = square([(0, 5), (30, 30)])
    assert len(values("size", view)) == 1
    assert values("density", view) == pytest.approx([2 * 1e4 / (60 * 80)])


@pytest.mark.parametrize("depth", [None, 32])
def test_a_sharper_edge_is_steeper(depth):
    shape = (128, 128) if depth is None else (64, 64)
    sharp, soft = (scene(3, shape, noise=0, blur=b, depth=depth, radius=6) for b in (0.7, 2.0))
    assert values("steepness", sharp).mean() > 1.5 * values("steepness", soft).mean() > 0


def test_grain_is_the_noise_and_not_the_objects():
    for name in ("background_grain", "object_grain"):
        quiet, loud = (
            np.concatenate([values(name, v) for v in scenes(0, 6, noise=n)]) for n in (0.02, 0.04)
        )
        assert np.median(loud) == pytest.approx(2 * np.median(quiet), rel=0.1)


def test_an_empty_window_gives_no_objects_and_no_error():
    view = square([])
    for quantity in QUANTITIES:
        found = quantity.measure(extract_features(view), 0)
        assert np.isfinite(found).all()
    assert values("density", view) == pytest.approx([0])


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("size", {"radius": 10.0}),
        ("density", {"objects": 3}),
        ("neighbors", {"objects": 3}),
        ("contrast", {"contrast": 1.0}),
        ("object_intensity", {"contrast": 1.0}),
        ("background_grain", {"noise": 0.06}),
        ("object_grain", {"noise": 0.06}),
        ("steepness", {"blur": 2.5}),
    ],
)
def test_a_difference_is_found_where_it_is(name, fault):
    real = scenes(0, 8)
    wrong, right = (compared(name, real, scenes(50, 8, **f)) for f in (fault, {}))
    assert wrong.verdict == "clearly different"
    assert right.verdict != "clearly different"
    assert wrong.distance > 2 * right.distance
    assert wrong.distance > wrong.floor_high


def test_the_spectrum_tells_fine_from_coarse():
    real = scenes(0, 8)
    same = compare_spectra(0, real, scenes(50, 8), 0)
    noisy = compare_spectra(0, real, scenes(50, 8, noise=0.06), 0)
    assert same.distance < 1.0
    assert noisy.verdict == "clearly different"
    fine = float(noisy.finding.split()[2])
    assert fine == pytest.approx(20 * np.log10(2), abs=0.5)


def test_white_noise_has_a_flat_spectrum_of_its_variance():
    noise = np.random.default_rng(0).normal(0, 3, (256, 256)).astype(np.float32)
    assert spectrum(noise)[2:] == pytest.approx(9, rel=0.25)


def test_images_not_clicked_exhaustively_say_nothing_of_density():
    real = [scene(s, complete=s > 4) for s in range(8)]
    assert compared("density", real, scenes(50, 4)).real.count == 3
    assert compared("size", real, scenes(50, 4)).real.count > 20
    unknown = [scene(s, complete=False) for s in range(4)]
    assert compared("density", unknown, scenes(50, 4)) is None
    assert compared("neighbors", unknown, scenes(50, 4)) is None


@given(st.floats(0, 10), st.floats(0, 10), st.one_of(st.none(), st.floats(0, 5)))
def test_a_larger_distance_is_never_judged_better(one, other, floor):
    order = ["alike", "a little different", "clearly different"]
    low, high = sorted((one, other))
    assert order.index(judge(low, floor, 0.1)) <= order.index(judge(high, floor, 0.1))


@given(st.lists(st.sampled_from("abcdefghijklm"), max_size=40), st.integers(0, 5))
def test_halves_are_halves(groups, seed):
    names = set(groups)
    found = halvings(groups, seed)
    assert bool(found) == (len(names) > 1)
    for half in found:
        assert half < names
        assert len(half) == len(names) // 2
        assert frozenset(names - half) not in found or len(names) > 6


@given(st.integers(64, 300), st.integers(64, 300), st.integers(1, 3), st.integers(32, 200))
def test_windows_have_one_shape_and_share_no_pixel(height, width, images, edge):
    def numbered(name, shape):
        image = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
        return view_of(name, image, np.zeros(shape, np.int32))

    real = [numbered(f"r{i}", (height, width)) for i in range(images)]
    ours, theirs = cut_windows(real, [numbered("s", (edge, edge))], 0)
    assert len({v.image.shape for v in (*ours, *theirs)}) == 1
    for name in {v.name for v in ours}:
        pixels = np.concatenate([v.image.ravel() for v in ours if v.name == name])
        assert len(np.unique(pixels)) == len(pixels)
    assert sum(v.ids.size for v in ours) > 0.6 * images * height * width or len(ours) == MAX_WINDOWS
    if images == 1:
        assert len({v.group for v in ours}) == len(ours)
    else:
        assert {v.group for v in ours} == {v.name for v in ours}


def test_loose_centers_go_with_their_window():
    view = replace(square([(5, 5)]), maskless_centers=np.array([[5.0, 60.0], [50.0, 10.0]]))
    part = view.cut((30, 0), (30, 40), "g")
    assert part.maskless_centers.tolist() == [[20.0, 10.0]]
    assert part.centers().tolist() == [[20.0, 10.0]]
