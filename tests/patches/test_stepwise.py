"""Filters in slabs give what they give of the whole image, and yield in between."""

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches import stepwise
from napari_synthseg.patches.background import push_pull
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import CACHE
from napari_synthseg.patches.stepwise import blurred, grown, in_slabs
from napari_synthseg.synthesis import PasteRecipe
from tests.helpers.clicked_discs import DISC, disc_image, finish, outlined

SHAPES = [(40, 30), (9, 20, 30)]


@pytest.fixture
def thin(monkeypatch):
    """Make slabs thin."""
    monkeypatch.setattr(stepwise, "SLAB_PX", 64)
    monkeypatch.setattr(stepwise, "GROWN_STEPS", 1)


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("shape", SHAPES)
def test_blurring_in_slabs_is_blurring(shape):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    sigma = [3.0, 0.7, 2.0][: len(shape)]
    steps, made = finish(blurred(image, sigma))
    np.testing.assert_array_equal(made, ndimage.gaussian_filter(image, sigma))
    assert len(steps) > 9
    out = np.empty((*shape[:-1], shape[-1] + 3), np.float32)[..., : shape[-1]]
    assert exhaust(blurred(image, 1.5, out)) is out
    np.testing.assert_array_equal(out, ndimage.gaussian_filter(image, 1.5))


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("shape", SHAPES)
def test_opening_and_growing_in_slabs_are_those_of_the_whole(shape):
    mask = np.random.default_rng(0).random(shape) < 0.7
    opened = exhaust(in_slabs(ndimage.binary_opening, mask, reach=2))
    np.testing.assert_array_equal(opened, ndimage.binary_opening(mask))
    seed = mask & (np.random.default_rng(1).random(shape) < 0.003)
    expected = ndimage.binary_propagation(seed, mask=mask)
    np.testing.assert_array_equal(exhaust(grown(seed, mask)), expected)


@pytest.mark.parametrize("shape", [(41, 30), (9, 21, 30)])
def test_holes_are_filled_alike_however_thick_slabs_are(shape, monkeypatch):
    rng = np.random.default_rng(0)
    weight = (rng.random(shape) * (rng.random(shape) < 0.1)).astype(np.float32)
    value = rng.normal(size=shape).astype(np.float32) * (weight > 0)
    whole = exhaust(push_pull(value, weight))
    for pixels in (64, 1000):
        monkeypatch.setattr(stepwise, "SLAB_PX", pixels)
        np.testing.assert_array_equal(exhaust(push_pull(value, weight)), whole)


@pytest.mark.parametrize("exhaustive", [True, False])
def test_dual_volumes_are_prepared_in_many_steps(exhaustive, monkeypatch):
    """Each does little, so that the work can be cancelled at any time; the result is the same."""
    balls = [((6, y, x), 5, 1) for y, x in [(20, 20), (20, 60), (60, 20), (60, 60)]]
    image, _ = disc_image([c for c, _, _ in balls], (12, 80, 80), radius=5)
    source = outlined(image, balls, exhaustive=exhaustive, axes="zyx", pixel_size=(1.0,) * 3)
    library = exhaust(build_library([source], [DISC.model_copy(update={"diameter": 10})]))
    recipe = PasteRecipe(volume_size=32, canvas="mixed")
    pair = exhaust(recipe.fit(library)).pair(0)
    monkeypatch.setattr(stepwise, "SLAB_PX", 80 * 80)
    CACHE.clear()
    steps, made = finish(recipe.fit(library))
    assert len(steps) > 200
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    np.testing.assert_array_equal(made.pair(0).image, pair.image)
