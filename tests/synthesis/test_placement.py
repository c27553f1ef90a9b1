"""Objects lie where they may: never covering too much, at real distances, cut off as often."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.synthesis.paste.arrangement import border_for, nearest_distances, share_cut
from napari_synthseg.synthesis.paste.placement import PlacementRules, Scene, find_place
from napari_synthseg.synthesis.paste.sprites import trimmed


def block(*shape):
    """Return the sprite of a box."""
    plain = np.ones(shape, np.float32)
    return trimmed(plain[None], np.zeros(1, np.float32), plain, plain > 0)


def empty_field(*shape):
    return Scene(np.zeros(shape, np.int32))


@settings(max_examples=100, deadline=None)
@given(
    corners=st.lists(
        st.tuples(st.integers(-12, 40), st.integers(-12, 40), st.integers(2, 14)), max_size=14
    ),
    overlap=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_neither_of_two_objects_is_covered_more_than_allowed(corners, overlap):
    scene = empty_field(40, 40)
    whole = {}
    for y, x, edge in corners:
        sprite = block(edge, edge)
        place = scene.fit([y, x], sprite, overlap)
        if place is None:
            continue
        before = scene.ids[place.outer].copy()
        number = scene.put(place, sprite)
        whole[number] = int((scene.ids == number).sum())
        assert np.count_nonzero(before) <= overlap * whole[number] + 1e-9
        assert place.clear == (not before.any()) == (not place.covers)
    shown = np.bincount(scene.ids.ravel(), minlength=len(scene.areas))
    assert scene.areas[1:] == shown[1:].tolist()
    for number, area in whole.items():
        assert area - shown[number] <= overlap * area + 1e-9


@given(corner=st.tuples(*[st.integers(-9, 20)] * 3), shape=st.tuples(*[st.integers(1, 8)] * 3))
def test_a_window_shows_what_of_a_volume_lies_inside(corner, shape):
    scene = empty_field(9, 10, 11)
    cut = scene.window(corner, shape)
    inside = [
        (c + np.arange(n) >= 0) & (c + np.arange(n) < limit)
        for c, n, limit in zip(corner, shape, scene.ids.shape, strict=True)
    ]
    if not all(i.any() for i in inside):
        assert cut is None
        return
    outer, inner = cut
    assert (inner is None) == all(i.all() for i in inside)
    sprite = np.arange(np.prod(shape)).reshape(shape)
    shown = sprite if inner is None else sprite[inner]
    np.testing.assert_array_equal(shown, sprite[np.ix_(*inside)])
    assert scene.ids[outer].shape == shown.shape


def test_objects_put_against_others_touch_them():
    scene, sprite = empty_field(200, 200), block(12, 12)
    rng = np.random.default_rng(0)
    how = PlacementRules(overlap=0.0, clustering=1.0)
    for _ in range(12):
        found = find_place(rng, scene, sprite, how)
        if found:
            scene.put(found[0], sprite)
    centers = np.array(scene.centers)
    gaps = np.abs(centers[:, None] - centers[None]).max(axis=2) + 1e3 * np.eye(len(centers))
    assert len(centers) > 8
    assert np.all(gaps.min(axis=1) >= 12)
    assert np.mean(gaps.min(axis=1) <= 13.5) > 0.9


@pytest.mark.parametrize("spread", [(14, 16), (20, 50)])
def test_neighbor_distances_follow_the_given_ones(spread):
    wanted = np.linspace(spread[0], spread[1], 200).astype(np.float32)
    rng, sprite = np.random.default_rng(0), block(9, 9)
    seen = []
    for _ in range(10):
        scene = empty_field(400, 400)
        for _ in range(40):
            place = find_place(rng, scene, sprite, PlacementRules(distances=wanted))
            if place:
                scene.put(place[0], sprite, place[1])
        assert len(scene.centers) >= 38
        seen.append(nearest_distances(np.array(scene.centers)))
    shares = [0.1, 0.25, 0.5, 0.75, 0.9]
    found = np.quantile(np.concatenate(seen), shares)
    np.testing.assert_allclose(found, np.quantile(wanted, shares), rtol=0.12)


@given(share=st.floats(0.0, 0.6), half=st.floats(3, 20), edge=st.integers(100, 400))
def test_the_border_is_found_that_cuts_a_share_off(share, half, edge):
    border = border_for(share, half, (edge, edge))
    reachable = share_cut(half, -1, (edge, edge)), share_cut(half, 0.95, (edge, edge))
    expected = np.clip(share, *reachable)
    assert share_cut(half, border, (edge, edge)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.3])
def test_that_share_is_cut_off(share):
    sprite, rng = block(15, 15), np.random.default_rng(1)
    how = PlacementRules(overlap=0.9, border=border_for(share, 7.5, (150, 150)))
    cut = []
    for _ in range(1500):
        place, _ = find_place(rng, empty_field(150, 150), sprite, how)
        cut.append(place.inner is not None)
    assert np.mean(cut) == pytest.approx(share, abs=0.035)
