"""Held-out parts share no group, no object and no strip of background with the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.geometry import contains
from napari_synthseg.training.split import Subset, split_clicked


def part(name, count, *, group="", seed=0, shape=(200, 300), content=""):
    rng = np.random.default_rng(seed)
    ref = ImageRef(id=name, uri=f"{name}.tif", group=group, content=content)
    return Subset(
        ref,
        tuple(
            Click(image=name, position=tuple(rng.uniform(0, np.array(shape) - 1)), cls=1)
            for _ in range(count)
        ),
    )


def test_a_fraction_of_zero_holds_nothing_out():
    parts = (part("a", 10),)
    assert split_clicked(parts, {"a": (200, 300)}, fraction=0, gap=10) == (parts, ())


@given(st.integers(0, 1000), st.lists(st.integers(3, 30), min_size=3, max_size=7))
@settings(max_examples=40)
def test_groups_are_never_divided(seed, counts):
    parts = [part(f"i{k}", n, group=f"g{k // 2}", seed=k) for k, n in enumerate(counts)]
    train, held = split_clicked(parts, {}, fraction=0.25, gap=10, seed=seed)
    assert train
    assert not {p.ref.group for p in train} & {p.ref.group for p in held}
    assert sorted(p.ref.id for p in (*train, *held)) == sorted(p.ref.id for p in parts)


@pytest.mark.parametrize("seed", range(5))
def test_the_image_with_most_of_the_clicks_is_not_lost_to_training(seed):
    parts = [part(f"i{n}", n, group=f"g{n}", seed=n) for n in (107, 22, 15, 28, 53)]
    _, held = split_clicked(parts, {}, fraction=0.2, gap=10, seed=seed)
    assert [p.ref.id for p in held] == ["i53"]


def test_copies_of_the_same_pixels_are_divided_along_the_same_line():
    parts = [part(name, 30, group="g", content="same") for name in "ab"]
    parts.append(part("c", 5, group="g", content="other"))
    shapes = dict.fromkeys("abc", (200, 300))
    train, held = split_clicked(parts, shapes, fraction=0.3, gap=10)
    assert {p.ref.id for p in held} == {"a", "b"}
    assert {p.ref.id for p in train} == {"a", "b", "c"}
    for side in (train, held):
        assert len({p.ref.region for p in side if p.ref.id != "c"}) == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_kind_of_image_is_lost_to_training(seed):
    shapes = {"small": (100, 100), "a": (500, 700), "b": (500, 700), "c": (500, 700)}
    counts = {"small": 44, "a": 70, "b": 60, "c": 120}
    parts = [
        part(name, counts[name], group=name, seed=n, shape=shape)
        for n, (name, shape) in enumerate(shapes.items())
    ]
    _, held = split_clicked(parts, shapes, fraction=0.2, gap=10, seed=seed)
    assert [p.ref.id for p in held] in (["a"], ["b"])


@given(st.integers(20, 200), st.floats(5, 25), st.integers(0, 100))
@settings(max_examples=40)
def test_one_image_is_divided_with_a_gap(count, gap, seed):
    whole = part("a", count, seed=seed)
    train, held = split_clicked([whole], {"a": (200, 300)}, fraction=0.2, gap=gap)
    if not held:
        assert train == (whole,)
        return
    (first,), (second,) = train, held
    rows, other_rows = first.ref.region[0], second.ref.region[0]
    assert rows == other_rows == (0, 200)
    assert second.ref.region[1][0] - first.ref.region[1][1] >= gap
    for side in (first, second):
        assert all(contains(side.ref.region, c.position) for c in side.clicks)
    assert len(second.clicks) == pytest.approx(0.2 * count, abs=0.1 * count + 3)


def test_too_few_clicks_hold_nothing_out():
    parts = (part("a", 4),)
    train, held = split_clicked(parts, {"a": (200, 300)}, fraction=0.2, gap=20)
    assert train == parts
    assert held == ()


def test_a_region_is_divided_inside_itself():
    whole = part("a", 60)
    ref = whole.ref.model_copy(update={"region": ((0, 200), (0, 150))})
    inside = Subset(ref, tuple(c for c in whole.clicks if contains(ref.region, c.position)))
    train, held = split_clicked([inside], {"a": (200, 300)}, fraction=0.25, gap=12)
    for side in (*train, *held):
        assert side.ref.region[1][1] <= 150


def test_regions_of_one_file_are_divided_inside_themselves_and_none_is_lost():
    regions = {"a": ((0, 400), (0, 400)), "b": ((600, 1000), (600, 1000))}
    parts = []
    for cls, (name, region) in enumerate(regions.items(), start=1):
        ref = ImageRef(id=name, uri="s.tif", region=region)
        places = [(region[0][0] + 15.0 + 37 * n, region[1][0] + 200.0) for n in range(10)]
        clicks = (Click(image=name, position=place, cls=cls) for place in places)
        parts.append(Subset(ref, tuple(clicks)))
    sides = split_clicked(parts, dict.fromkeys("ab", (1000, 1000)), fraction=0.2, gap=20)
    for side in sides[0] + sides[1]:
        own = regions[side.ref.id]
        assert all(
            a <= low < high <= b for (low, high), (a, b) in zip(side.ref.region, own, strict=True)
        )
        assert all(contains(side.ref.region, click.position) for click in side.clicks)
    assert {side.ref.id for side in sides[0]} == {"a", "b"}
    assert sum(len(side.clicks) for side in sides[0] + sides[1]) >= 19  # one may lie in the gap


def test_a_volume_is_divided_across_its_longest_side_in_space():
    ref = ImageRef(id="v", uri="v", axes="zyx", pixel_size=(4.0, 1.0, 1.0))
    rng = np.random.default_rng(0)
    shape = (40, 60, 70)  # 160 pixels high
    clicks = tuple(
        Click(image="v", position=tuple(rng.uniform(0, np.subtract(shape, 1))), cls=1)
        for _ in range(40)
    )
    train, held = split_clicked([Subset(ref, clicks)], {"v": shape}, fraction=0.3, gap=12.0)
    (top,), (bottom,) = train, held
    assert top.ref.region[1:] == bottom.ref.region[1:] == ((0, 60), (0, 70))
    assert bottom.ref.region[0][0] - top.ref.region[0][1] in (3, 4)  # 12 pixels are 3 planes
