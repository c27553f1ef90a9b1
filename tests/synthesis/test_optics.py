"""Grain and sharpness of what is pasted are those of the image it is pasted into."""

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.patches.build import build_library
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.optics import measure_blur
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish


def library_of(*images):
    return finish(build_library(images, [DISC]))[1]


def fitted(library, **fields):
    return finish(PasteRecipe(**{"size": 160, **fields}).fit(library))[1]


FINEST = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6


def grain_inside(image, ids, finest=False):
    """Return the standard deviation of the (finest) grain well inside the objects of a channel."""
    lowest, highest = ndimage.minimum_filter(ids, 11), ndimage.maximum_filter(ids, 11)
    inside = (lowest == highest) & (ids > 0)
    inside[:6] = inside[-6:] = inside[:, :6] = inside[:, -6:] = False
    grain = ndimage.convolve(image, FINEST) if finest else image - ndimage.gaussian_filter(image, 2)
    return float(grain[inside].std())


def mean_grain(synthesizer, pairs=12, finest=False):
    found = [synthesizer.pair(i) for i in range(pairs)]
    return np.mean([grain_inside(p.image[0], p.labels.ids, finest) for p in found])


@pytest.mark.parametrize("correlated", [0.0, 0.8])
@pytest.mark.parametrize("changed", [{"rotation": True, "scale": 0.0}, {"scale": 0.3}])
def test_turned_and_scaled_objects_keep_their_noise(correlated, changed):
    image, ids = disc_image(CENTERS, noise=0.0)
    noise = np.random.default_rng(3).standard_normal(image.shape[1:])
    if correlated:
        noise = ndimage.gaussian_filter(noise, correlated)
    image += (0.04 * noise / noise.std()).astype(np.float32)
    library = library_of(clicked(image, CENTERS))
    plain = {"rotation": False, "flip": False, "scale": 0.0, "intensity": 0.0}
    before = grain_inside(image[0], ids)
    still, moved = fitted(library, **plain, variants=1), fitted(library, **(plain | changed))
    untouched = mean_grain(still)
    assert untouched == pytest.approx(before, rel=0.1)
    assert mean_grain(moved) == pytest.approx(untouched, rel=0.1)
    assert mean_grain(moved, finest=True) == pytest.approx(mean_grain(still, finest=True), rel=0.1)
    if not correlated:
        lost = mean_grain(fitted(library, **(plain | changed), match_noise=False))
        assert lost < 0.93 * untouched


@pytest.mark.parametrize(("here", "there"), [(0.01, 0.05), (0.05, 0.01)])
def test_objects_of_another_image_take_on_its_noise(here, there):
    images = [
        clicked(disc_image(CENTERS, noise=noise, seed=n)[0], CENTERS, f"i{n}")
        for n, noise in enumerate((here, there))
    ]
    library = library_of(*images)
    shop = fitted(library, mixing=1.0).factory
    number = next(n for n, own_image in enumerate(shop.image_numbers) if own_image == 0)

    def grain(target):
        sprite = shop.sprite(number, 0, "hard", target)
        mask = ndimage.binary_erosion(sprite.mask, iterations=3)
        weight = ndimage.gaussian_filter(mask.astype(float), 2)
        smooth = ndimage.gaussian_filter(np.where(mask, sprite.paint[0], 0), 2) / weight
        return float((sprite.paint[0] - smooth)[mask].std())

    assert grain(0) == pytest.approx(here, rel=0.25)
    if there > here:
        assert grain(1) == pytest.approx(there, rel=0.25)
    else:  # what of the noise is coarser than the grain cannot be told from the object
        assert there < grain(1) < 0.4 * here


@pytest.mark.parametrize("sigma", [1.5, 2.5])
def test_sharpness_is_measured_at_the_edges_of_objects(sigma):
    image, _ = disc_image(CENTERS, noise=0.0)  # blurred by a sigma of 1
    image[0] = ndimage.gaussian_filter(image[0], np.sqrt(sigma**2 - 1))
    image += np.random.default_rng(0).normal(0, 0.01, image.shape).astype(np.float32)
    assert measure_blur(library_of(clicked(image, CENTERS)).patches) == pytest.approx(
        sigma, rel=0.2
    )


def test_sharp_objects_are_blurred_for_a_blurred_image():
    sharp, _ = disc_image(CENTERS, noise=0.01)
    soft = sharp.copy()
    soft[0] = ndimage.gaussian_filter(soft[0], 2.5)
    library = library_of(clicked(sharp, CENTERS, "a"), clicked(soft, CENTERS, "b"))

    def steepest(target, match):
        shop = fitted(library, mixing=1.0, match_blur=match).factory
        number = next(n for n, own_image in enumerate(shop.image_numbers) if own_image == 0)
        paint = shop.sprite(number, 0, "feather", target).paint[0]
        return np.hypot(*np.gradient(ndimage.gaussian_filter(paint, 0.5))).max()

    assert steepest(1, True) < 0.7 * steepest(1, False)
    assert steepest(0, True) == pytest.approx(steepest(0, False), rel=0.05)
