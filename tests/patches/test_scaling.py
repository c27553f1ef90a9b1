"""The working scale: how far images are resampled, and patches that follow."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.patch import ClickedImage, PatchLibrary
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.quality.size import equal_diameter
from napari_synthseg.patches.scaling import (
    UNSCALED,
    measure_scale,
    measure_scale_of_pairs,
    scale_for,
    scaled_library,
    scaled_pair,
    unequal_sizes,
)
from tests.helpers.clicked_discs import CENTERS, clicked, disc_image, finish, overlap


def library_of(times: float, name="a", diameter=20.0) -> tuple[PatchLibrary, np.ndarray]:
    """Return the library of discs so many times as large, and their true ids."""
    centers = [(y * times, x * times) for y, x in CENTERS]
    shape = (round(128 * times), round(160 * times))
    image, ids = disc_image(centers, shape, radius=10 * times)
    cls = ObjectClass(name="disc", value=1, diameter=diameter * times)
    return finish(build_library([clicked(image, centers, name)], [cls]))[1], ids


@pytest.fixture(scope="module")
def large():
    return library_of(4.0)


def test_large_and_small_objects_get_the_working_diameter(large):
    assert measure_scale(large[0], 24.0).usual == pytest.approx(24 / 80, rel=0.05)
    assert measure_scale(library_of(0.5)[0], 24.0).usual == pytest.approx(2.4, rel=0.1)


def test_objects_that_are_nearly_as_large_are_left_alone():
    assert measure_scale(library_of(1.0)[0], 24.0).is_one


def test_no_working_diameter_no_scale(large):
    assert measure_scale(large[0], 0.0) == UNSCALED


def test_images_are_enlarged_three_times_at_most():
    assert scale_for(4.0, {}, 24.0).usual == 3.0


def test_an_image_of_another_magnification_has_a_factor_of_its_own():
    scale = scale_for(50.0, {"a": 48.0, "b": 50.0, "c": 96.0}, 24.0)
    assert scale.usual == pytest.approx(24 / 50)
    images = {name: ImageRef(id=name, uri=name) for name in ("a", "c", "never seen")}
    assert scale.of(images["a"]) == scale.usual
    assert scale.of(images["c"]) == pytest.approx(24 / 96)
    assert scale.of(images["never seen"]) == scale.usual
    assert "shrunk to 0.48 of their size" in scale.notes[0]
    assert "1 of them" in scale.notes[0]


def test_a_scaled_library_is_one_of_the_scaled_image(large):
    library, ids = large
    scale = measure_scale(library, 24.0)
    small = scaled_library(library, scale)
    truth = scaled_pair(
        DualImage(library.images[0].pixels.read(), InstanceLabels(ids, {1: 1}), 0), scale.usual
    ).labels.ids
    assert small.diameters[1] == pytest.approx(24.0, rel=0.05)
    shown = small.images[0].pixels.read()
    both = zip(small.patches, small.images[0].clicks, strict=True)
    for number, (patch, click) in enumerate(both, start=1):
        assert patch.pixels.shape[1:] == patch.mask.shape
        assert np.add(patch.origin, patch.center) == pytest.approx(click.position)
        assert overlap(patch, truth, number) > 0.85
        inside = ndimage.binary_erosion(patch.mask, iterations=2)
        index = tuple((np.argwhere(inside) + patch.origin).T)
        np.testing.assert_allclose(patch.pixels[0][inside], shown[0][index], atol=1e-5)


def test_usual_objects_have_the_working_diameter_also_where_images_disagree():
    library, _ = library_of(4.0)
    typed = replace(library, diameters={1: 40.0})  # as where outlines differ too much to be used
    small = scaled_library(typed, measure_scale(typed, 24.0))
    assert small.diameters[1] == pytest.approx(24.0, rel=0.02)


@pytest.mark.parametrize(("typed", "diameter"), [(15.0, 80.0), (400.0, 80.0), (60.0, 60.0)])
def test_what_is_outlined_tells_the_scale_where_the_diameter_is_quite_another(
    large, typed, diameter
):
    library = large[0]
    unsure = tuple(replace(patch, confidence=0.6) for patch in library.patches)
    odd = replace(library, patches=unsure, diameters={1: typed})
    assert measure_scale(odd, 24.0).usual == pytest.approx(24 / diameter, rel=0.05)
    few = replace(odd, patches=unsure[:3])
    assert measure_scale(few, 24.0).usual == pytest.approx(min(24 / typed, 3.0))


def test_a_diameter_that_is_quite_another_changes_no_other_class(large):
    library = large[0]
    fibers = tuple(replace(patch, cls=2, confidence=0.6) for patch in library.patches)
    both = replace(library, patches=(*library.patches, *fibers), diameters={1: 80.0, 2: 8.0})
    scale = measure_scale(both, 24.0)
    assert scale.usual == pytest.approx(24 / 80, rel=0.05)
    assert scaled_library(both, scale).diameters == pytest.approx({1: 24.0, 2: 24.0}, rel=0.05)


def test_true_masks_tell_the_scale(large):
    library, ids = large
    pair = DualImage(
        library.images[0].pixels.read(), InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)), 0
    )
    scale = measure_scale_of_pairs({"a": pair}, 5.0, 24.0, {"a": (1.0, 1.0)})
    assert scale.usual == pytest.approx(24 / 80, rel=0.05)
    small = scaled_pair(pair, scale.usual)
    assert small.image.shape[1:] == small.labels.ids.shape
    share = np.mean(small.labels.ids > 0) / np.mean(ids > 0)
    assert share == pytest.approx(1.0, abs=0.03)


def masks_of(*sizes: tuple[int, float]) -> DualImage:
    """Return an image with one square for each class and edge length."""
    ids = np.zeros((120 * len(sizes), 120), np.int32)
    for number, (_, edge) in enumerate(sizes):
        ids[120 * number : 120 * number + edge, :edge] = number + 1
    classes = {number: value for number, (value, _) in enumerate(sizes, start=1)}
    return DualImage(np.zeros((1, *ids.shape), np.float32), InstanceLabels(ids, classes), 0)


def test_an_image_without_the_smallest_class_has_the_usual_scale():
    both, large_alone = masks_of((1, 21), (2, 85)), masks_of((2, 85))
    pairs = {"a": both, "b": both, "c": both, "without": large_alone, "held": large_alone}
    spacings = dict.fromkeys(pairs, (1.0, 1.0))
    scale = measure_scale_of_pairs(pairs, 60.0, 48.0, spacings, held=["held"])
    assert scale.usual == pytest.approx(48 / equal_diameter(21**2, (1, 1)))
    assert scale.images == {}, "all objects of a class are seen equally large"
    assert scale.known == {"a", "b", "c"}


def test_an_object_that_vanishes_has_no_class():
    ids = np.zeros((64, 64), np.int32)
    ids[:40, :40], ids[62, 61] = 1, 2
    pair = DualImage(np.zeros((1, 64, 64), np.float32), InstanceLabels(ids, {1: 1, 2: 1}), 0)
    assert scaled_pair(pair, 0.1).labels.classes == {1: 1}


def volume_of(apart: float, radius: float = 30.0) -> tuple[PatchLibrary, np.ndarray]:
    """Return the library of one clicked ball in planes so many pixels apart, and its true mask."""
    shape = (round(90 / apart), 96, 104)
    center = (44.0 / apart, 48.0, 52.0)
    at = [(i - c) * s for i, c, s in zip(np.indices(shape), center, (apart, 1, 1), strict=True)]
    ids = (sum(a**2 for a in at) <= radius**2).astype(np.int32)
    noise = np.random.default_rng(0).normal(0, 0.02, shape)
    pixels = ArraySource((0.1 + 0.8 * ids + noise).astype(np.float32)[None])
    ref = ImageRef(id="v", uri="v", axes="zyx", pixel_size=(apart * 0.2, 0.2, 0.2), unit="um")
    image = ClickedImage(ref, pixels, (Click(id="1", image="v", position=center, cls=1),))
    cls = ObjectClass(name="ball", value=1, diameter=2 * radius)
    masks = {"v": InstanceLabels(ids, {1: 1})}
    return finish(build_library([image], [cls], masks=masks))[1], ids


@pytest.mark.parametrize(("apart", "spacing"), [(1.0, 1.0), (2.0, 1.0), (5.0, 2.0)])
def test_volumes_are_reduced_until_planes_lie_as_far_apart_as_pixels(apart, spacing):
    library, ids = volume_of(apart)
    scale = measure_scale(library, 24.0)
    assert scale.usual == pytest.approx(24 / 60)
    assert scale.spacing == pytest.approx((spacing, 1, 1))
    along_z = min(apart * scale.usual, 1.0)  # planes that lie far apart are all kept
    assert scale.of(library.images[0].ref) == pytest.approx((along_z, scale.usual, scale.usual))
    small = scaled_library(library, scale)
    ref, (patch,) = small.images[0].ref, small.patches
    assert ref.spacing == pytest.approx((spacing, 1, 1))
    assert small.diameters[1] == pytest.approx(24)
    assert equal_diameter(patch.area, ref.spacing) == pytest.approx(24, rel=0.03)
    click = small.images[0].clicks[0].position
    assert np.add(patch.origin, patch.center) == pytest.approx(click, abs=0.5)
    pair = DualImage(library.images[0].pixels.read(), InstanceLabels(ids, {1: 1}), 0)
    true = scaled_pair(pair, scale.of(library.images[0].ref))
    assert true.image.shape[1:] == small.images[0].pixels.read().shape[1:]
    assert overlap(patch, true.labels.ids, 1) > 0.85
    of_pairs = measure_scale_of_pairs({"v": pair}, 5.0, 24.0, {"v": library.images[0].ref.spacing})
    assert of_pairs.usual == pytest.approx(scale.usual, rel=0.02)


def test_volumes_are_not_enlarged():
    assert scale_for(8.0, {}, 24.0, [(1.0, 1.0, 1.0)]).is_one
    assert scale_for(8.0, {}, 24.0, [(1.0, 1.0)]).usual == 3.0


@pytest.mark.parametrize(("large", "said"), [(79.0, False), (101.0, True)])
def test_classes_of_very_unequal_size_are_told(large, said):
    notes = unequal_sizes({1: 10.0, 2: large, 3: 30.0}, {1: "spot", 2: "cell", 3: "other"})
    assert bool(notes) is said
    if said:
        assert "'cell' are 10 times as large as those of 'spot'" in notes[0]
        assert "in a project with 'cell' alone" in notes[0]
    assert unequal_sizes({}, {}) == ()
