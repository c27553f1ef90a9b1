"""The check of the patches: made defects are found, with words; sound patches are left alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.patch import GIVEN, Patch, PatchLibrary, QualityIssue
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.quality import duplicates
from napari_synthseg.patches.quality.peer_checks import check_patches
from napari_synthseg.patches.quality.summary import describe_library
from tests.helpers.clicked_discs import DISC, clicked, disc_image, finish

CENTERS = [(y, x) for y in (20, 55, 90, 125) for x in (20, 55, 90, 125)]
KINDS = {"blurred", "saturated", "merged objects", "duplicate", "odd size", "odd intensity"}


def discs(inside=1.0, seed=0, radius=None):
    rng = np.random.default_rng(seed)
    heights = inside * rng.uniform(0.9, 1.1, len(CENTERS))
    image, ids = disc_image(CENTERS, inside=list(heights), shape=(150, 150))
    return image, ids


def kinds(patch):
    return {f.kind for f in patch.issues} & KINDS


def cut(image, centers=CENTERS, **options):
    return finish(build_library([clicked(image, centers)], (DISC,), **options))[1]


def last(patches, diameters):
    usual = {(p.image, p.cls): diameters[p.cls] for p in patches}
    return exhaust(check_patches(patches, usual))


def test_sound_patches_are_left_alone():
    library = cut(discs()[0])
    assert not any(kinds(p) for p in library.patches)
    assert not library.suggested()


def test_a_blurred_object_is_found():
    image, _ = discs()
    soft = ndimage.gaussian_filter(image, (0, 5, 5))
    image[:, 5:36, 5:36] = soft[:, 5:36, 5:36]
    library = cut(image)
    assert "blurred" in kinds(library.patches[0])
    assert not any("blurred" in kinds(p) for p in library.patches[1:])
    assert library.patches[0].quality < np.median([p.quality for p in library.patches])


def test_saturated_objects_are_found():
    image, _ = disc_image(CENTERS, inside=[1.0] * 4 + [0.7] * 12, shape=(150, 150))
    library = cut(np.minimum(image, np.float32(0.95)))
    assert all("saturated" in kinds(p) for p in library.patches[:4])
    assert not any("saturated" in kinds(p) for p in library.patches[4:])


def test_the_second_click_on_an_object_is_the_duplicate():
    image, _ = discs()
    library = cut(image, [*CENTERS, (22, 21)])
    assert "duplicate" in kinds(library.patches[-1])
    assert "duplicate" not in kinds(library.patches[0])
    assert library.suggested() == (library.patches[-1],)
    accepted = library.with_verdicts(frozenset(), frozenset([library.patches[-1].id]))
    assert not accepted.suggested()


def test_clicks_of_two_classes_on_one_place_are_no_duplicates():
    image, _ = discs()
    other = ObjectClass(name="other", value=2, diameter=20)
    source = clicked(image, [*CENTERS, (21, 21)])
    moved = source.clicks[-1].model_copy(update={"cls": 2})
    both = replace(source, clicks=(*source.clicks[:-1], moved))
    library = finish(build_library([both], (DISC, other)))[1]
    assert not any("duplicate" in kinds(p) for p in library.patches)


def shape_of(*discs_at, shape=(60, 60)):
    rows, columns = np.indices(shape)
    return np.any([np.hypot(rows - y, columns - x) < r for y, x, r in discs_at], axis=0)


@pytest.mark.parametrize(
    ("mask", "double"),
    [
        (shape_of((20, 30, 10), (38, 30, 10)), True),
        (shape_of((22, 30, 10), (38, 30, 8)), True),
        (shape_of((30, 30, 14)), False),
        (shape_of((30, 24, 10), (30, 30, 10), (30, 36, 10)), False),
    ],
)
def test_two_objects_in_one_mask_are_found(mask, double):
    library = cut(discs()[0])
    odd = replace(
        library.patches[0], mask=mask, pixels=np.where(mask, 1.0, 0.1)[None].astype(np.float32)
    )
    checked = last((odd, *library.patches[1:]), library.diameters)
    assert ("merged objects" in kinds(checked[0])) is double


def test_odd_size_and_intensity_are_told_by_the_others():
    library = cut(discs()[0])
    small = library.patches[0]
    small = replace(small, mask=ndimage.binary_erosion(small.mask, iterations=4))
    bright = library.patches[1]
    bright = replace(bright, pixels=bright.pixels * 3)
    checked = last((small, bright, *library.patches[2:]), library.diameters)
    assert "odd size" in kinds(checked[0])
    assert "odd intensity" in kinds(checked[1])
    assert not any(kinds(p) for p in checked[2:])


def test_of_few_patches_none_is_unusual():
    library = cut(discs()[0], CENTERS[:4])
    bright = replace(library.patches[0], pixels=library.patches[0].pixels * 3)
    checked = last((bright, *library.patches[1:]), library.diameters)
    assert not kinds(checked[0]) & {"odd size", "odd intensity", "blurred"}


def test_a_given_mask_keeps_its_quality():
    library = cut(discs()[0])
    given = replace(library.patches[1], pixels=library.patches[1].pixels * 3, method=GIVEN)
    checked = last((library.patches[0], given, *library.patches[2:]), library.diameters)
    assert "odd intensity" in kinds(checked[1])
    assert checked[1].quality == given.quality


def test_volumes_and_channels_are_checked():
    volume = np.random.default_rng(0).random((2, 9, 60, 60)).astype(np.float32) * 0.05
    centers = [(4, y, x) for y in (12, 30, 48) for x in (12, 30, 48)]
    grid = np.indices(volume.shape[1:])
    for center in centers:
        volume[:, np.sqrt(((grid - np.reshape(center, (3, 1, 1, 1))) ** 2).sum(0)) < 4] += 1
    ball = ObjectClass(name="ball", value=1, diameter=8)
    library = finish(
        build_library([clicked(volume, [*centers, (4, 13, 12)], axes="zyx")], (ball,))
    )[1]
    assert "duplicate" in kinds(library.patches[-1])
    assert not any(kinds(p) - {"saturated"} for p in library.patches[1:-1])


def test_notes_heed_the_verdicts_of_the_user():
    image, _ = discs()
    unsure = (QualityIssue("unsure outline", "it may be another"),)
    library = cut(image)
    assert not library.notes
    doubtful = tuple(replace(p, issues=unsure, quality=0.2) for p in library.patches)
    library = replace(library, patches=doubtful)
    every = frozenset(p.id for p in library.patches)
    few, unclear = library.notes
    assert "has 0 good patches" in few
    assert "16 of 16 outlines are unsure" in unclear
    assert library.with_verdicts(every).notes == (few,)
    assert library.with_verdicts(frozenset(), every).notes == ()
    (unclear,) = library.with_verdicts(frozenset(), frozenset(sorted(every)[:6])).notes
    assert "10 of 16 outlines are unsure" in unclear


def test_imbalance_is_told_with_a_remedy():
    image, _ = discs()
    other = ObjectClass(name="rare", value=2, diameter=20)
    source = clicked(image, CENTERS)
    clicks = (source.clicks[0].model_copy(update={"cls": 2}), *source.clicks[1:])
    library = finish(build_library([replace(source, clicks=clicks)], (DISC, other)))[1]
    assert any("rare_boost" in note and "'rare'" in note for note in library.notes)


@given(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), st.integers(0, 2**16 - 1))
def test_the_joint_area_of_two_masks_counts_shared_pixels_once(shift, bits):
    drawn = np.array([bits >> n & 1 for n in range(16)], bool).reshape(4, 4)
    one, other = (
        Patch("", "a", 1, mask[None].astype(np.float32), mask, at, (0.0, 0.0))
        for mask, at in ((drawn, (2, 3)), (np.ones((3, 5), bool), (2 + shift[0], 3 + shift[1])))
    )
    canvas = np.zeros((2, 30, 30), bool)
    for layer, patch in zip(canvas, (one, other), strict=True):
        top, left = np.add(patch.origin, 10)
        layer[top : top + patch.mask.shape[0], left : left + patch.mask.shape[1]] = patch.mask
    assert duplicates.joint_area(one, other) == np.count_nonzero(canvas.any(axis=0))


@pytest.mark.parametrize(
    ("kind", "number", "words"),
    [
        ("too large", 9, "9 of 16 outlines are much larger than its diameter of 20 px"),
        ("too small", 9, "9 of 16 outlines are much smaller than its diameter of 20 px"),
        ("too large", 8, ""),  # half are as large as was said
    ],
)
def test_outlines_of_another_size_than_was_typed_are_told_without_a_usual_one(kind, number, words):
    image, _ = discs()
    issue = (QualityIssue(kind, "of another size"),)
    patches = cut(image).patches
    wrong = tuple(replace(p, issues=issue if i < number else ()) for i, p in enumerate(patches))
    library = PatchLibrary(wrong, (), {1: DISC.diameter})
    notes = describe_library(library, [DISC], {1: DISC.diameter}, least_patches=5)
    assert [words in note for note in notes] == [True] * bool(words)
