"""Pasting: what is on the image is what the labels say, and it looks like the real thing."""

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.patches.build import build_library
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.arrangement import count_touching
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish


def library_of(*images, classes=(DISC,), rejected=frozenset()):
    return finish(build_library(images, classes, rejected))[1]


def fitted(library, **fields):
    return finish(PasteRecipe(**{"size": 128, **fields}).fit(library))[1]


def deep_inside(ids):
    """Return the pixels that lie at least three pixels inside one object."""
    lowest, highest = ndimage.minimum_filter(ids, 7), ndimage.maximum_filter(ids, 7)
    inside = (lowest == highest) & (ids > 0)
    inside[[0, 1, 2, -3, -2, -1]] = inside[:, [0, 1, 2, -3, -2, -1]] = False
    return inside


@pytest.fixture(scope="module")
def library():
    image, _ = disc_image(CENTERS)
    return library_of(clicked(image, CENTERS))


def test_bright_pixels_are_labelled_and_dark_ones_are_not(library):
    synthesizer = fitted(library, intensity=0.0)
    for index in range(10):
        pair = synthesizer.pair(index)
        inside = deep_inside(pair.labels.ids)
        outside = ~ndimage.binary_dilation(pair.labels.ids > 0, iterations=3)
        assert pair.image[0][inside].min() > 0.6
        assert pair.image[0][outside].max() < 0.35


def test_no_seam_shows_round_an_object_on_a_canvas_of_another_level(library):
    image, _ = disc_image(CENTERS, inside=1.5, outside=0.6)
    both = library_of(clicked(disc_image(CENTERS)[0], CENTERS, "a"), clicked(image, CENTERS, "b"))
    synthesizer = fitted(both, mixing=1.0, intensity=0.0)
    for index in range(10):
        pair = synthesizer.pair(index)
        away = ndimage.distance_transform_edt(pair.labels.ids == 0)
        near = pair.image[0][(away > 3.5) & (away < 7)]
        far = pair.image[0][away > 12]
        if near.size > 50 and far.size > 50:
            assert np.median(near) == pytest.approx(np.median(far), abs=0.05)


@pytest.mark.parametrize("shape", [(128, 128), (200, 128), (100, 100)])
def test_objects_never_stay_behind_on_the_canvas(shape):
    centers = [c for c in CENTERS if c[0] < 90 and c[1] < 90]
    image, _ = disc_image(centers, shape)
    synthesizer = fitted(library_of(clicked(image, centers)), rotation=False, flip=False)
    first = synthesizer.pair(0)
    for index in range(1, 40):
        synthesizer.pair(index)
    assert np.array_equal(synthesizer.pair(0).image, first.image)


@pytest.mark.parametrize("canvas", ["real", "empty", "textured", "blank", "mixed"])
def test_the_empty_canvas_has_the_level_and_noise_of_the_real_background(library, canvas):
    pair = fitted(library, canvas=canvas).pair(0)
    empty = pair.image[0][ndimage.distance_transform_edt(pair.labels.ids == 0) > 5]
    assert np.median(empty) == pytest.approx(0.1, abs=0.02)
    assert empty.std() == pytest.approx(0.02, rel=0.4)


def test_objects_are_as_many_as_on_the_real_image(library):
    synthesizer = fitted(library, density_spread=0.0)
    counts = [synthesizer.pair(i).labels.count for i in range(60)]
    assert np.mean(counts) == pytest.approx(7 * 128 * 128 / (128 * 160), rel=0.2)
    twice = fitted(library, density=2.0)
    assert np.mean([twice.pair(i).labels.count for i in range(30)]) > 9


def test_the_class_mix_follows_the_clicks():
    first, _ = disc_image(CENTERS)
    source = clicked(first, CENTERS)
    clicks = tuple(
        c.model_copy(update={"cls": 2 if n < 2 else 1}) for n, c in enumerate(source.clicks)
    )
    other = ObjectClass(name="other", value=2, diameter=20)
    library = library_of(type(source)(source.ref, source.pixels, clicks), classes=(DISC, other))
    synthesizer = fitted(library, rare_boost=0.0)
    classes = [c for i in range(80) for c in synthesizer.pair(i).labels.classes.values()]
    assert classes.count(2) / len(classes) == pytest.approx(2 / 7, abs=0.08)


def test_some_objects_are_cut_off_by_the_border_and_stay_labelled(library):
    synthesizer = fitted(library)
    cut = 0
    for index in range(20):
        ids = synthesizer.pair(index).labels.ids
        edge = np.concatenate([ids[0], ids[-1], ids[:, 0], ids[:, -1]])
        cut += int(np.count_nonzero(np.unique(edge)))
    assert cut > 5


def test_as_many_objects_touch_as_on_the_real_image():
    apart = [(20 + 40 * i, 20 + 40 * j) for i in range(4) for j in range(4)]
    pairs = [(y, x) for y in (20, 60, 100, 140) for x in (20, 40, 95, 115)]
    shares = []
    for centers in (apart, pairs):
        image, _ = disc_image(centers, (160, 160))
        synthesizer = fitted(library_of(clicked(image, centers)), size=160)
        seen = np.array([count_touching(synthesizer.pair(i).labels.ids) for i in range(40)])
        shares.append(seen[:, 0].sum() / seen[:, 1].sum())
    assert shares[0] < 0.4
    assert shares[1] > 0.65


def test_rejected_patches_never_appear():
    centers = [(30, 30), (30, 90), (40, 140), (95, 30), (95, 80), (95, 130)]
    image, _ = disc_image(centers, inside=[0.5, 0.5, 0.5, 1.0, 1.0, 1.0])
    library = library_of(clicked(image, centers))
    kept = library.with_verdicts(frozenset({"a-4", "a-5", "a-6"}))

    def brightest(chosen):
        synthesizer = fitted(chosen, intensity=0.0)
        return max(float(synthesizer.pair(i).image.max()) for i in range(15))

    assert brightest(library) > 0.9
    assert brightest(kept) < 0.7


def test_poor_patches_are_left_out_unless_too_few_remain():
    centers = [*CENTERS[:6], (110, 20)]
    image, _ = disc_image(CENTERS[:6])
    library = library_of(clicked(image, centers))
    used = fitted(library, min_quality=0.5).factory.patches
    assert {p.id for p in used} == {f"a-{n}" for n in range(1, 7)}
    few = library.with_verdicts(frozenset({f"a-{n}" for n in range(1, 4)}))
    if library.patches[6].mask.any():
        assert {p.id for p in fitted(few).factory.patches} == {"a-4", "a-5", "a-6", "a-7"}


def test_nothing_usable_is_said_in_words(library):
    everything = frozenset(p.id for p in library.patches)
    with pytest.raises(InputError, match="No patch is usable"):
        fitted(library.with_verdicts(everything))


def test_unturned_objects_keep_their_pixels(library):
    synthesizer = fitted(
        library, rotation=False, flip=False, scale=0.0, intensity=0.0, canvas="blank", noise=0.0
    )
    shapes = {p.mask.sum() for p in library.patches}
    pair = synthesizer.pair(1)
    areas = np.bincount(pair.labels.ids.ravel())[1:]
    assert max(areas) <= max(shapes)
    assert any(a in shapes for a in areas)


def test_three_channels_and_small_images():
    image, _ = disc_image(CENTERS)
    color = np.concatenate([image, 1 - image, image / 2])
    synthesizer = fitted(library_of(clicked(color, CENTERS)), size=256)
    pair = synthesizer.pair(0)
    assert pair.image.shape == (3, 256, 256)
    inside = deep_inside(pair.labels.ids)
    assert (pair.image[0] > pair.image[1])[inside].all()


def test_a_sample_of_the_objects_gives_the_density_of_all_of_them():
    centers = [(20 + 40 * i, 20 + 40 * j) for i in range(5) for j in range(5)]
    image, _ = disc_image(centers, (200, 200))
    library = library_of(clicked(image, centers[::3], exhaustive=False))
    synthesizer = fitted(library, size=200)
    assert np.mean([synthesizer.pair(i).labels.count for i in range(20)]) > 15


def test_dual_volumes_are_no_larger_than_asked_and_know_the_distance_of_planes():
    rng = np.random.default_rng(0)
    where = np.indices((30, 64, 64))
    image = rng.normal(0.1, 0.02, where.shape[1:]).astype(np.float32)
    centers = [(z, y, x) for z in (5, 15, 24) for y in (16, 46) for x in (16, 46)]
    for z, y, x in centers:
        away = (3 * (where[0] - z)) ** 2 + (where[1] - y) ** 2 + (where[2] - x) ** 2
        image[away < 100] = 1.0
    volume = clicked(image[None], centers, axes="zyx", pixel_size=(3.0, 1.0, 1.0))
    library = library_of(volume)
    synthesizer = fitted(library, volume_size=48, volume_planes=12)
    pair = synthesizer.pair(0)
    assert pair.image.shape == (1, 12, 48, 48)
    assert pair.labels.count > 0
    assert fitted(library, volume_planes=100).shape[0] == 30
    sprite = synthesizer.factory.sprite(0, 0, "feather", 0)
    rim = (sprite.keep < 1) & ~sprite.mask
    deep, wide = (np.ptp(np.nonzero(rim | sprite.mask)[a]) for a in (0, 1))
    assert 2.5 * deep < wide + 3  # the rim is as wide in space, not in planes


def test_flat_images_ignore_the_sizes_of_volumes(library):
    assert fitted(library, volume_size=16).pair(0).image.shape == (1, 128, 128)
