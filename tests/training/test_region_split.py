"""Of images of regions groups are held out, or strips; no pixel is ever in both parts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import full_region, intersect, region_shape
from napari_synthseg.training.split import GAP_PX, split_regions


def image(name, shape, group="", uri="", **fields):
    ref = ImageRef(id=name, uri=uri or f"{name}.tif", group=group, **fields)
    return ref, {name: shape}


def several(*made):
    shapes = {}
    for _, one in made:
        shapes |= one
    return [ref for ref, _ in made], shapes


def apart(first, second, shapes):
    """Return how many pixels lie between two parts of a file, along the axis that tells them."""
    a, b = (r.region or full_region(shapes[r.id]) for r in (first, second))
    return max(max(c - n, m - d) for (m, n), (c, d) in zip(a, b, strict=True))


def test_whole_groups_are_held_out_where_there_are_four():
    refs, shapes = several(*(image(f"i{n}", (64, 64), f"g{n // 2}") for n in range(8)))
    found = split_regions(refs, shapes, fraction=0.2)
    assert len(found.validation) == 2
    assert len({r.group for r in found.validation}) == 1
    assert {r.group for r in found.train}.isdisjoint(r.group for r in found.validation)
    assert all(r.region is None for r in (*found.train, *found.validation))
    assert found.note == "1 of 4 groups held out"
    others = {
        split_regions(refs, shapes, fraction=0.2, seed=s).validation[0].group for s in range(9)
    }
    assert len(others) > 1


@given(
    st.lists(
        st.tuples(st.integers(40, 400), st.integers(40, 400), st.integers(0, 2)),
        min_size=1, max_size=5,
    ),
    st.floats(0.05, 0.5),
    st.floats(0, 40),
)  # fmt: skip
@settings(max_examples=60)
def test_no_pixel_is_in_both_parts(sizes, fraction, gap):
    refs, shapes = several(*(image(f"i{n}", (y, x), f"g{g}") for n, (y, x, g) in enumerate(sizes)))
    found = split_regions(refs, shapes, fraction=fraction, gap=gap)
    assert found.train
    assert {r.id for r in found.train} == set(shapes)
    for train in found.train:
        for held in found.validation:
            if train.uri == held.uri:
                assert apart(train, held, shapes) >= gap
                along = region_shape(held.region)
                longest = max(shapes[held.id])
                share = min(a / b for a, b in zip(along, shapes[held.id], strict=True))
                assert share == pytest.approx(fraction, abs=1 / longest)


def test_the_strip_lies_across_the_longest_axis_with_a_gap():
    refs, shapes = several(image("a", (100, 300)))
    found = split_regions(refs, shapes, fraction=0.2)
    (train,), (held,) = found.train, found.validation
    assert held.region == ((0, 100), (240, 300))
    assert train.region == ((0, 100), (0, 240 - GAP_PX))
    assert found.note == "a strip of 20% of each image held out"


def test_slices_and_regions_of_one_file_are_cut_at_the_same_line():
    refs, shapes = several(
        image("z0", (100, 200), uri="s.tif", plane={"z": 0}),
        image("z1", (100, 200), uri="s.tif", plane={"z": 1}, region=((0, 100), (50, 120))),
        image("z2", (100, 200), uri="s.tif", plane={"z": 2}, region=((0, 100), (110, 200))),
    )
    found = split_regions(refs, shapes, fraction=0.25)
    assert [r.id for r in found.train] == ["z0", "z1", "z2"]
    assert [r.id for r in found.validation] == ["z0", "z2"]
    for held in found.validation:
        assert held.region == ((0, 100), (150, 200))
    for train in found.train:
        assert intersect(train.region, ((0, 100), (150 - GAP_PX, 200))) is None


def test_a_volume_is_cut_by_length_not_by_number_of_pixels():
    ref, shapes = image("v", (40, 64, 64), axes="zyx", pixel_size=(4.0, 1.0, 1.0), unit="um")
    found = split_regions([ref], shapes, fraction=0.25)
    assert found.validation[0].region == ((30, 40), (0, 64), (0, 64))
    assert found.train[0].region == ((0, 26), (0, 64), (0, 64))


def test_what_is_too_small_is_not_divided():
    refs, shapes = several(image("a", (30, 40)))
    found = split_regions(refs, shapes, fraction=0.2)
    assert (found.train, found.validation) == (tuple(refs), ())
    assert "large enough" in found.note
    assert split_regions(refs, shapes, fraction=0).validation == ()
