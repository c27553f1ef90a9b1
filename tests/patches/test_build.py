"""From clicks to a library: every click gets its patch, at its place, with the right mask."""

import re

import numpy as np
import pytest

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from tests.helpers.clicked_discs import (
    CENTERS,
    DISC,
    clicked,
    disc_image,
    finish,
    outlined,
    overlap,
)


def build(*images, classes=(DISC,), **options):
    return finish(build_library(images, classes, **options))[1]


@pytest.mark.parametrize(("inside", "outside"), [(1.0, 0.1), (0.1, 1.0)])
def test_objects_are_found_whatever_their_polarity(inside, outside):
    image, ids = disc_image(CENTERS, inside=inside, outside=outside)
    library = build(clicked(image, CENTERS))
    found = [overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)]
    assert min(found) > 0.85


def test_dim_objects_touching_bright_ones_keep_their_size():
    centers = [(40, 40), (40, 60), (90, 40), (90, 60)]
    image, ids = disc_image(centers, inside=[1.0, 0.35, 0.4, 0.9])
    library = build(clicked(image, centers))
    assert min(overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)) > 0.8


def test_objects_that_differ_in_color_only_are_found():
    gray, ids = disc_image(CENTERS)
    color = np.concatenate([gray, 1.1 - gray, np.full_like(gray, 0.5)])
    library = build(clicked(color, CENTERS))
    assert library.channels == 3
    assert min(overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)) > 0.85


def test_two_classes_of_opposite_polarity_on_one_image():
    centers = [(30, 30), (30, 80), (80, 30), (80, 80), (100, 120)]
    heights = [1.0, 0.0, 1.0, 0.0, 1.0]
    image, ids = disc_image(centers, inside=heights, outside=0.5)
    bright = clicked(image, centers)
    clicks = tuple(
        c.model_copy(update={"cls": 1 if h else 2})
        for c, h in zip(bright.clicks, heights, strict=True)
    )
    both = ClickedImage(bright.ref, bright.pixels, clicks)
    library = build(both, classes=(DISC, ObjectClass(name="hole", value=2, diameter=20)))
    assert min(overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)) > 0.8


@pytest.mark.parametrize("diameter", [13, 20, 30])
def test_a_rough_diameter_is_good_enough(diameter):
    image, ids = disc_image(CENTERS)
    rough = ObjectClass(name="disc", value=1, diameter=diameter)
    library = build(clicked(image, CENTERS), classes=(rough,))
    assert np.mean([overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)]) > 0.85


def test_a_patch_shows_the_image_at_its_place_and_repeats_the_edge_outside():
    image, _ = disc_image(CENTERS)
    library = build(clicked(image, CENTERS))
    assert [p.id for p in library.patches] == [f"a-{n}" for n in range(1, 8)]
    whole, cut = library.patches[0], library.patches[6]
    (y, x), (h, w) = whole.origin, whole.mask.shape
    np.testing.assert_array_equal(whole.pixels, image[:, y : y + h, x : x + w])
    assert np.add(whole.origin, whole.center) == pytest.approx(CENTERS[0])
    assert cut.origin[0] < 0
    above = cut.pixels[0, : -cut.origin[0]]
    np.testing.assert_array_equal(
        above, np.broadcast_to(cut.pixels[0, -cut.origin[0]], above.shape)
    )
    assert not cut.mask[: -cut.origin[0]].any()
    assert cut.touches_border
    assert not whole.touches_border


def test_only_the_region_counts_and_positions_stay_those_of_the_full_image():
    image, ids = disc_image(CENTERS)
    inside = [c for c in CENTERS if c[1] > 70]
    whole = clicked(image, inside)
    part = ClickedImage(whole.ref, ArraySource(image, ((10, 128), (70, 160))), whole.clicks)
    library = build(part)
    numbers = [CENTERS.index(c) + 1 for c in inside]
    assert min(overlap(p, ids, n) for n, p in zip(numbers, library.patches, strict=True)) > 0.85
    (background,) = finish(estimate_backgrounds(library))[1]
    assert background.origin == (10, 70)
    assert background.pixels.shape == (1, 118, 90)


@pytest.mark.parametrize("limit", ["roi", "excluded"])
def test_an_object_that_the_part_that_counts_cuts_off_touches_the_border(limit):
    upper = ((0.0, 0.0), (0.0, 160.0), (30.0, 160.0), (30.0, 0.0))
    lower = ((30.0, 0.0), (30.0, 160.0), (128.0, 160.0), (128.0, 0.0))
    discs = [((28, 40), 10, 1), ((15, 100), 10, 1)]
    image, _ = disc_image([center for center, *_ in discs])
    outlines = {limit: ((upper if limit == "roi" else lower,),)}
    cut, whole = build(outlined(image, discs, **outlines)).patches
    assert cut.touches_border
    assert cut.area < 0.75 * whole.area
    assert not whole.touches_border


def test_a_click_outside_the_region_is_refused_by_place():
    image, _ = disc_image(CENTERS)
    with pytest.raises(InputError, match=r"\(500\.0, 3\.0\).*'a'"):
        build(clicked(image, [(500, 3)]))


def test_given_masks_are_taken_as_they_are():
    image, ids = disc_image(CENTERS)
    mine = np.where(ids == 1, 0, ids)
    mine[60:70, 100:110] = 99
    library = build(clicked(image, [*CENTERS, (65, 105)]), masks={"a": InstanceLabels(mine)})
    assert [overlap(p, mine, n) for n, p in enumerate(library.patches[1:7], start=2)] == [1.0] * 6
    assert overlap(library.patches[7], mine, 99) == 1.0
    assert overlap(library.patches[0], ids, 1) > 0.85
    assert {p.quality for p in library.patches[1:]} == {1.0}


def test_outlines_give_up_the_pixels_of_given_masks_and_all_given_need_no_outlining():
    image, ids = disc_image(CENTERS)
    mine = np.zeros_like(ids)
    mine[20:40, 30:60] = 5  # over the right half of the first disc, where nobody clicked
    part = clicked(image, [(30, 25), CENTERS[1]])
    library = build(part, masks={"a": InstanceLabels(mine)})
    assert overlap(library.patches[0], np.where(mine, 0, ids), 1) > 0.8
    index = tuple((np.argwhere(library.patches[0].mask) + library.patches[0].origin).T)
    assert not mine[index].any()
    unknown = DISC.model_copy(update={"mask_method": "of a plugin that is gone"})
    library = build(part, classes=(unknown,), masks={"a": InstanceLabels(ids)})
    assert [overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)] == [1.0, 1.0]


def test_the_size_is_told_in_the_classes_unit_for_images_of_different_pixels():
    """Discs of 20 um: 40 px wide at half a micrometer, 20 at one; typed as 50 um."""
    places = [(30, 30), (30, 90), (90, 30), (90, 90)]
    coarse, _ = disc_image(places, shape=(120, 120), radius=10)
    wide = [(2 * y, 2 * x) for y, x in places]
    fine, _ = disc_image(wide, shape=(240, 240), radius=20)
    images = [
        clicked(coarse, places, "a", pixel_size=(1.0, 1.0), unit="um"),
        clicked(fine, wide, "b", pixel_size=(0.5, 0.5), unit="um"),
    ]
    cls = ObjectClass(name="disc", value=1, diameter=50, unit="um")
    library = build(*images, classes=(cls,))
    (note,) = [n for n in library.notes if "diameter of" in n]
    words = r"'disc' has a diameter of 50 um, but 8 sure outlines measure (\S+) um, .*"
    found = re.match(rf"Class {words}Set the diameter to (\S+) um .*:(\S+)um\)\.", note)
    assert found, note
    assert float(found[1]) == float(found[2]) == float(found[3]) == pytest.approx(20, rel=0.06)
    assert library.diameters[1] == library.measured[1].diameter  # pixels: the mean of 20 and 40
    assert library.measured[1].diameter == pytest.approx(30, rel=0.06)
    assert not library.suggested()


def test_a_click_on_nothing_grades_low_with_a_reason():
    image, _ = disc_image(CENTERS)
    library = build(clicked(image, [*CENTERS, (110, 20)]))
    assert min(p.quality for p in library.patches[:7]) > 0.8
    assert library.patches[7].quality < 0.5
    assert library.patches[7].reasons


def test_progress_never_runs_backwards_and_ends_full():
    image, _ = disc_image(CENTERS)
    work = build_library([clicked(image, CENTERS), clicked(image, CENTERS, "b")], [DISC])
    steps, library = finish(work)
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps)
    assert steps[-1].fraction == 1
    assert all(s.message for s in steps)
    assert len(library.patches) == 14


def test_rejected_patches_are_kept_but_not_usable():
    image, _ = disc_image(CENTERS)
    library = build(clicked(image, CENTERS), rejected=frozenset({"a-2"}))
    assert len(library.patches) == 7
    assert "a-2" not in {p.id for p in library.usable()}


def test_findings_name_the_class_and_the_remedy():
    image, _ = disc_image(CENTERS)
    few = build(clicked(image, [CENTERS[0], CENTERS[1], CENTERS[4]]))
    assert any("'disc' has 3 good patches" in note for note in few.notes)
    wrong = ObjectClass(name="disc", value=1, diameter=45)
    notes = build(clicked(image, CENTERS), classes=(wrong,)).notes
    assert any("Set the diameter" in note for note in notes)
    assert not build(clicked(image, CENTERS)).notes


def test_a_volume_with_flat_voxels_works():
    shape, centers = (12, 60, 60), [(6, 18, 18), (6, 18, 42), (6, 42, 18), (5, 42, 42)]
    grid = np.indices(shape)
    ids = np.zeros(shape, int)
    for number, (z, y, x) in enumerate(centers, start=1):
        away = (grid[0] - z) ** 2 * 4 + (grid[1] - y) ** 2 + (grid[2] - x) ** 2
        ids[away <= 64] = number
    image = (ids > 0).astype(np.float32)[None]
    image += np.random.default_rng(0).normal(0, 0.03, image.shape).astype(np.float32)
    part = clicked(image, centers, axes="zyx", pixel_size=(2.0, 1.0, 1.0), unit="um")
    library = build(part, classes=(ObjectClass(name="ball", value=1, diameter=16, unit="um"),))
    assert min(overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)) > 0.7


def test_the_rim_round_objects_is_as_wide_in_space_along_z():
    shape, centers = (24, 80, 80), [(12, 20, 20), (12, 20, 60), (12, 60, 20), (12, 60, 60)]
    z, y, x = np.indices(shape)
    taken = np.zeros(shape, bool)
    for c, b, a in centers:
        taken |= (z - c) ** 2 * 4 + (y - b) ** 2 + (x - a) ** 2 <= 64
    noise = np.random.default_rng(0).normal(0, 0.03, shape)
    image = (taken + noise)[None].astype(np.float32)
    part = clicked(image, centers, axes="zyx", pixel_size=(2.0, 1.0, 1.0), unit="um")
    library = build(part, classes=(ObjectClass(name="ball", value=1, diameter=16, unit="um"),))
    (background,) = finish(estimate_backgrounds(library))[1]
    rim = ~background.valid
    beside = np.count_nonzero(rim[12, 20, :40]) - np.count_nonzero(taken[12, 20, :40])
    above = np.count_nonzero(rim[:, 20, 20]) - np.count_nonzero(taken[:, 20, 20])
    assert beside >= 4
    assert abs(2 * above - beside) <= 3  # a plane on either side is as near as it gets


def test_clicks_on_the_outermost_half_pixel_get_their_patches():
    image, _ = disc_image([(0, 0), (127, 127)])
    edges = [(-0.4, -0.4), (image.shape[1] - 0.6, image.shape[2] - 0.6)]
    library = build(clicked(image, edges))
    assert all(p.mask.any() for p in library.patches)
