"""Canvases show background, and never an object: neither a clicked nor an unclicked one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_synthseg.core.labels import UNKNOWN, InstanceLabels
from napari_synthseg.core.patch import Background
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.datasets import label_clicked
from napari_synthseg.synthesis.paste.canvas import Canvases, Texture, smooth_bases
from napari_synthseg.synthesis.paste.windows import empty_windows
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish

KINDS = ["real", "empty", "textured", "blank", "mixed"]


def canvases(backgrounds, **fields):
    recipe = PasteRecipe(**{"size": 64, **fields})
    return Canvases.prepare(backgrounds, recipe, finish(smooth_bases(backgrounds, {1: 20.0}))[1])


def drawn(backgrounds, count=12, **fields):
    made, rng = canvases(backgrounds, **fields), np.random.default_rng(5)
    return [sum(made.draw(rng, 0)) for _ in range(count)]


def background_of(pixels, valid):
    """Return one background, as a tuple."""
    noise = np.full(len(pixels), 0.02, np.float32)
    level = np.median(pixels[:, valid], axis=1).astype(np.float32)
    return (Background("a", pixels.astype(np.float32), valid, level, noise, (0, 0)),)


def parts_of(*names):
    """Return canvases of parts of the images of these names."""
    (ground,) = background_of(np.zeros((1, 64, 64)), np.ones((64, 64), bool))
    return canvases([replace(ground, image=name) for name in names])


def test_an_image_of_many_parts_is_drawn_no_more_often_than_another():
    made, rng = parts_of("a", "b", "b", "b", "b", "b", "b"), np.random.default_rng(0)
    counts = np.bincount([made.draw_part(rng) for _ in range(6000)], minlength=7)
    assert counts[0] == pytest.approx(3000, abs=150)
    assert counts[1:] == pytest.approx(np.full(6, 500), abs=90)


def test_of_images_of_one_part_each_one_number_is_drawn():
    made, rng, same = parts_of("a", "b", "c"), np.random.default_rng(0), np.random.default_rng(0)
    assert [made.draw_part(rng) for _ in range(50)] == [int(same.integers(3)) for _ in range(50)]
    assert rng.bit_generator.state == same.bit_generator.state


@pytest.mark.parametrize("canvas", KINDS)
def test_unclicked_objects_never_leak_into_a_canvas(canvas):
    image, _ = disc_image(CENTERS)
    library = finish(build_library([clicked(image, CENTERS[:4], exhaustive=False)], [DISC]))[1]
    for picture in drawn(finish(estimate_backgrounds(library))[1], canvas=canvas):
        smooth = ndimage.gaussian_filter(picture[0], 2)
        assert smooth.max() < 0.3  # a disc's core is 1.0, the background 0.1
        assert smooth.min() > 0.0


@pytest.mark.parametrize("cutout", ["mask", "square"])
@pytest.mark.parametrize("blending", ["feather", "gaussian", "poisson", "hard"])
def test_unclicked_objects_are_not_pasted_along(cutout, blending):
    centers = [(40, 30), (40, 58), (40, 100), (90, 30), (90, 100), (90, 128)]
    image, _ = disc_image(centers)
    picked = [centers[n] for n in (0, 2, 3, 4)]
    library = finish(build_library([clicked(image, picked, exhaustive=False)], [DISC]))[1]
    recipe = PasteRecipe(
        size=128, canvas="blank", cutout=cutout, blending=blending, patch_size=2.5, decoys=0.5
    )
    synthesizer = finish(recipe.fit(library))[1]
    for index in range(8):
        pair = synthesizer.pair(index)
        away = ndimage.distance_transform_edt(pair.labels.ids == 0)
        outside = ndimage.gaussian_filter(pair.image[0], 1.5)[away > 6]
        assert outside.max() < 0.45


def test_empty_windows_are_where_nothing_lies():
    @given(st.integers(0, 2**32 - 1), st.floats(0, 0.03), st.integers(2, 9), st.integers(2, 9))
    def check(seed, share, height, width):
        valid = np.random.default_rng(seed).random((20, 24)) >= share
        found = {tuple(f) for f in empty_windows(valid, (height, width)).tolist()}
        every = np.lib.stride_tricks.sliding_window_view(valid, (height, width)).all(axis=(2, 3))
        assert found == set(map(tuple, np.argwhere(every).tolist()))

    check()


def test_without_an_empty_window_the_background_is_filled_and_a_note_says_so():
    pixels, valid = np.zeros((1, 100, 100)), np.ones((100, 100), bool)
    valid[50, 50] = False
    none = canvases(background_of(pixels, valid), canvas="empty")
    assert "1 of 1 images" in none.notes()[0]
    assert not canvases(background_of(pixels, valid), canvas="empty", size=40).notes()
    assert not canvases(background_of(pixels, valid), canvas="real").notes()


def test_empty_canvases_come_from_empty_windows_only():
    pixels, valid = np.zeros((1, 100, 100)), np.ones((100, 100), bool)
    valid[60:], pixels[:, 60:] = False, 5.0
    backgrounds = background_of(pixels, valid)
    assert max(p.max() for p in drawn(backgrounds, canvas="empty", size=40)) < 2.5
    assert max(p.max() for p in drawn(backgrounds, canvas="real", size=40)) > 4


def test_a_texture_has_the_spectrum_of_the_background_and_is_new_each_time():
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.standard_normal((2, 160, 160)), (0, 2, 1), mode="wrap")
    grain[1] = 0.5 * grain[0]
    grain = (0.1 * grain / grain[0].std()).astype(np.float32)
    texture = Texture.measure(grain, np.ones((160, 160), bool))
    first, second = texture.draw(rng), texture.draw(rng)
    assert first[0].std() == pytest.approx(0.1, rel=0.1)
    assert np.corrcoef(first[0].ravel(), second[0].ravel())[0, 1] < 0.3
    assert np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1] > 0.95

    def along(image, shift, axis):
        return np.corrcoef(image.ravel(), np.roll(image, shift, axis).ravel())[0, 1]

    for shift, axis in ((1, 0), (3, 0), (1, 1), (3, 1)):
        assert along(first[0], shift, axis) == pytest.approx(along(grain[0], shift, axis), abs=0.1)


def test_a_texture_knows_nothing_of_invalid_pixels():
    rng = np.random.default_rng(0)
    grain = 0.1 * rng.standard_normal((1, 64, 64)).astype(np.float32)
    valid = np.ones((64, 64), bool)
    valid[20:40, 20:40] = False
    leaky = grain.copy()
    leaky[:, ~valid] = 9.0
    one, other = (Texture.measure(g, valid) for g in (grain, leaky))
    np.testing.assert_array_equal(one.spectrum, other.spectrum)


def test_blank_canvases_are_constant_without_noise():
    image, _ = disc_image(CENTERS)
    library = finish(build_library([clicked(image, CENTERS)], [DISC]))[1]
    for picture in drawn(finish(estimate_backgrounds(library))[1], canvas="blank", noise=0.0):
        assert np.ptp(picture) == 0
        assert picture[0, 0, 0] == pytest.approx(0.1, abs=0.02)


def packed(exhaustive, shape=(200, 200), step=30, wall=2):
    """Return the library of cells wall to wall, of which six are clicked, and the cells."""
    rng = np.random.default_rng(0)
    rows = enumerate(np.arange(step / 2, shape[0], 0.87 * step))
    columns = np.arange(step / 2, shape[1], step)
    middles = np.array([(row, x + step / 2 * (k % 2)) for k, row in rows for x in columns])
    away, nearest = cKDTree(middles).query(np.argwhere(np.ones(shape)), k=2)
    is_cell = away[:, 1] - away[:, 0] > wall
    ids = np.where(is_cell, nearest[:, 0] + 1, 0).reshape(shape).astype(np.int32)
    image = ndimage.gaussian_filter(np.where(ids > 0, 0.8, 0.1), 1) + rng.normal(0, 0.03, shape)
    inside = middles[((middles > step) & (middles < np.subtract(shape, step))).all(axis=1)]
    places = [tuple(at) for at in inside[:: len(inside) // 6][:6].round().tolist()]
    source = clicked(image[None].astype(np.float32), places, exhaustive=exhaustive)
    cells = InstanceLabels(ids, dict.fromkeys(range(1, len(middles) + 1), 1))
    cell = DISC.model_copy(update={"diameter": step - wall})
    return finish(build_library([source], [cell], masks={"a": cells}))[1], ids


@pytest.mark.parametrize("canvas", ["real", "textured", "mixed"])
def test_canvases_are_blank_where_nothing_tells_objects_that_nobody_clicked(canvas):
    library, _ = packed(exhaustive=False)
    synthesizer = finish(PasteRecipe(size=96, canvas=canvas, noise=0.0).fit(library))[1]
    (note,) = [note for note in synthesizer.notes if "nobody clicked" in note]
    assert note.startswith("On 1 of 1 images")
    residual, base = synthesizer.canvases.draw(np.random.default_rng(0), 0)
    assert np.ptp(base) == np.ptp(residual) == 0
    assert base.mean() < 0.7  # as between the cells, not as in them


def test_where_every_object_is_clicked_all_else_is_background():
    for exhaustive in (True, False):
        library, _ = packed(exhaustive)
        (background,) = finish(estimate_backgrounds(library))[1]
        assert background.valid.any() == exhaustive


def test_crops_of_an_image_without_known_background_teach_its_clicked_objects_alone():
    library, ids = packed(exhaustive=False)
    (background,) = finish(estimate_backgrounds(library))[1]
    labels = label_clicked(library, background, library.images[0]).labels
    assert labels.count == 6
    assert (labels.ids > 0).sum() < 0.3 * (ids > 0).sum()
    assert set(np.unique(labels.ids[labels.ids <= 0])) == {UNKNOWN}
