"""How images look, and where one differs from those that a model learned from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_synthseg.core.pixels import ArraySource, Intensity, MatchedSource, scaled
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.runs import Appearance, LearnedAppearance
from napari_synthseg.training import appearance
from napari_synthseg.training.appearance import compare, magnification, measure_appearance
from tests.helpers.clicked_discs import finish

GROUND, LIGHT, NOISE, RADIUS = 100.0, 400.0, 12.0, 8.0


def discs(seed=0, shape=(300, 320), blur=1.0, radius=RADIUS, count=60):
    """Return clean discs at random places: 0 on the ground, 1 on them."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    mask = np.zeros(shape)
    for cy, cx in rng.uniform(0, shape, (count, 2)):
        mask[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = 1
    return ndimage.gaussian_filter(mask, blur)


def source(clean, seed=1, light=LIGHT, noise=NOISE, change=None):
    """Take a picture, and normalize it as the program does."""
    stored = GROUND + light * clean + np.random.default_rng(seed).normal(0, noise, clean.shape)
    if change is not None:
        change(stored)
    return ArraySource(Intensity.measure(stored[None]).normalize(stored[None]))


def look(*args, **options):
    return exhaust(measure_appearance(source(*args, **options)))


@pytest.fixture(scope="module")
def learned():
    images = tuple(look(discs(seed)) for seed in (5, 6))
    return LearnedAppearance(images=images, ground=images[0].level)


def said(image, learned):
    return " | ".join(compare(image, learned).notes)


def test_noise_level_and_edges_are_measured_as_they_are(learned):
    shown = look(discs(7))
    span = LIGHT + 2 * NOISE  # from the dark end of the noise on the ground to the bright end
    assert shown.noise[0] == pytest.approx(NOISE / span, rel=0.15)
    assert shown.level[0] == pytest.approx(2.3 * NOISE / span, abs=0.03)
    assert shown.span[0] == pytest.approx(1, abs=0.01)
    assert shown.contrast == pytest.approx(span / NOISE, rel=0.15)
    for blur in (1.0, 2.0, 4.0):
        assert look(discs(7, blur=blur)).edge == pytest.approx(blur, rel=0.25, abs=0.2)
    assert compare(shown, learned).notes == ()


def test_a_large_image_is_looked_at_in_many_steps(monkeypatch):
    """So that it can be cancelled, and with the same result."""
    steps, found = finish(measure_appearance(source(discs(7))))
    monkeypatch.setattr(appearance, "READ_PX", 2**12)
    more, again = finish(measure_appearance(source(discs(7))))
    assert len(more) > len(steps) + 40
    assert again == found


def test_only_noise_has_the_contrast_that_noise_has():
    assert look(np.zeros((300, 300))).contrast == pytest.approx(5.2, abs=0.2)


@settings(max_examples=12, deadline=None)
@given(factor=st.floats(0.3, 3.0), seed=st.integers(0, 9))
def test_magnification_is_that_of_the_same_image_resampled(factor, seed):
    one = source(discs(seed), noise=2.0)
    found = magnification(
        exhaust(measure_appearance(scaled(one, factor))), exhaust(measure_appearance(one))
    )
    assert abs(np.log2(found.factor / factor)) <= 0.25
    assert found.misfit < 0.25


def test_an_image_of_larger_objects_is_told_with_its_magnification(learned):
    large = discs(3, (900, 900), blur=3.0, radius=3 * RADIUS)
    found = compare(look(large), learned)
    assert found.magnification == pytest.approx(3, rel=0.2)
    assert "times as large" in found.notes[0]
    assert "magnification" in found.notes[0]
    assert "magnification" not in compare(look(large), learned, can_magnify=False).notes[0]
    small = look(discs(3, (150, 160), blur=0.5, radius=RADIUS / 2))
    assert compare(small, learned).magnification == pytest.approx(0.5, rel=0.2)
    twice = look(discs(3, (600, 600), blur=2.0, radius=2 * RADIUS))
    assert compare(twice, learned).notes == ()  # what networks are shown in training


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"light": LIGHT / 4}, ""),
        ({"noise": 4 * NOISE}, ""),
        ({"light": -LIGHT}, "invert"),
        ({"change": lambda stored: stored.__setitem__((9, 9), 1800 * LIGHT)}, "single pixels"),
        ({"change": lambda s: s.__iadd__(np.linspace(0, 1200, 320))}, "less even"),
    ],
)
def test_what_differs_is_named_and_nothing_else(learned, options, words):
    notes = compare(look(discs(7), **options), learned).notes
    assert len(notes) == bool(words)
    assert all(words in note for note in notes)


def test_an_image_out_of_focus_is_told(learned):
    assert "out of focus" in said(look(discs(7, blur=4.0)), learned)


@pytest.mark.parametrize("light", [LIGHT, -LIGHT])
@pytest.mark.parametrize("shown", [0, 1])
def test_of_an_image_of_noise_the_noise_is_as_strong_and_lies_where_it_does_elsewhere(light, shown):
    images = tuple(look(discs(seed), light=light) for seed in (5, 6))
    learned = LearnedAppearance(images=images, ground=images[0].level)
    clean = np.zeros((300, 320))
    if shown:
        clean[150:160, 150:160] = 1  # too few pixels to count in the normalization
    image = source(clean, light=light)
    found = compare(exhaust(measure_appearance(image)), learned)
    assert "hardly more than noise" in found.notes[0]
    read = MatchedSource(image, found.gain, found.offset).read()[0]
    ground = read[clean == 0]
    assert np.median(ground) == pytest.approx(learned.ground[0], abs=0.01)
    assert ground.std() == pytest.approx(images[0].noise[0], rel=0.2)
    if shown:  # as bright as objects are elsewhere
        usual = np.median(source(discs(5), light=light).read()[0][discs(5) > 0.99])
        assert np.median(read[clean == 1]) == pytest.approx(usual, abs=0.2)


def test_noisy_images_are_left_alone_where_those_learned_from_are_noisy_too():
    images = (look(discs(5), noise=0.9 * LIGHT),)
    learned = LearnedAppearance(images=images, ground=images[0].level)
    found = compare(look(discs(6), noise=0.9 * LIGHT), learned)
    assert found.notes == ()
    assert (found.gain, found.offset) == ((1.0,), (0.0,))


@pytest.mark.parametrize("shape", [(1, 40, 40), (3, 20, 700), (1, 5, 64, 64), (1, 2, 2)])
def test_images_of_any_shape_can_be_compared(shape, learned):
    for pixels in (np.zeros(shape), np.random.default_rng(0).random(shape)):
        shown = exhaust(measure_appearance(ArraySource(pixels.astype(np.float32))))
        assert len(shown.level) == shape[0]
        assert Appearance.model_validate_json(shown.model_dump_json()) == shown
        one = LearnedAppearance(images=(shown,), ground=shown.level)
        assert np.isfinite(compare(shown, one).magnification)


def test_outliers_are_compressed_and_the_rest_is_as_it_was():
    values = np.array([[-50.0, -2, -0.3, 0.5, 3, 4, 1800]], np.float32)[None]
    shown = MatchedSource(ArraySource(values)).read()[0, 0]
    np.testing.assert_array_equal(shown[1:5], values[0, 0, 1:5])
    assert shown[0] == pytest.approx(-2 - np.log1p(48))
    assert shown[-1] == pytest.approx(3 + np.log1p(1797))
    assert (np.diff(shown) > 0).all()
