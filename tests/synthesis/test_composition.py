"""What a dual image is composed of: numbers, classes, cutouts, blending, decoys."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.recipe import load_recipe
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.synthesis import PRESETS, PasteRecipe, preset_name
from napari_synthseg.synthesis.paste.blending import membrane
from napari_synthseg.synthesis.paste.fitting import fit_to_backgrounds
from napari_synthseg.synthesis.paste.objects import Density
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish

BLENDINGS = ["feather", "gaussian", "poisson", "hard", "mixed"]


@pytest.fixture(scope="module")
def library():
    """Return discs of two classes, five of the first and two of the second."""
    image, _ = disc_image(CENTERS)
    source = clicked(image, CENTERS)
    clicks = tuple(
        c.model_copy(update={"cls": 2 if n in (1, 5) else 1}) for n, c in enumerate(source.clicks)
    )
    other = ObjectClass(name="other", value=2, diameter=20)
    return finish(build_library([type(source)(source.ref, source.pixels, clicks)], [DISC, other]))[
        1
    ]


def fitted(library, **fields):
    return finish(PasteRecipe(**{"size": 128, **fields}).fit(library))[1]


def numbers(synthesizer, draws=400):
    """Return how many objects of each class are wanted, draw by draw."""
    rng = np.random.default_rng(0)
    cast = [synthesizer.sampler.draw(rng, 0, synthesizer.shape) for _ in range(draws)]
    return [[a.cls for a in actors] for actors in cast]


@pytest.mark.parametrize(
    ("counts", "deviation"),
    [("fixed", 0.0), ("poisson", np.sqrt(9)), ("uniform", 19 / np.sqrt(12))],
)
def test_counts_have_the_mean_and_spread_that_were_asked_for(library, counts, deviation):
    found = [len(n) for n in numbers(fitted(library, counts=counts, count=9))]
    assert np.mean(found) == pytest.approx(9, rel=0.1)
    assert np.std(found) == pytest.approx(deviation, rel=0.15, abs=0.01)


def test_without_a_count_the_real_density_holds(library):
    expected = 7 * 128 * 128 / (128 * 160)
    found = [len(n) for n in numbers(fitted(library, counts="poisson"))]
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("boost", "share"), [(0.0, 2 / 7), (0.5, 0.5 * 2 / 7 + 0.25), (1.0, 0.5)])
@pytest.mark.parametrize("counts", ["empirical", "poisson"])
def test_rare_classes_are_boosted_towards_equal_shares(library, boost, share, counts):
    found = np.concatenate(numbers(fitted(library, rare_boost=boost, counts=counts)))
    assert np.mean(found == 2) == pytest.approx(share, abs=0.05)


def test_a_class_of_large_objects_is_boosted_as_much_less_as_they_are_larger(library):
    density = replace(fitted(library, rare_boost=1.0).sampler.density, chances=(0.9, 0.1))
    recipe = PasteRecipe(rare_boost=1.0)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([density.draw(rng, 0, (128, 128), recipe) for _ in range(200)])
    assert np.mean(drawn == 2) == pytest.approx(0.1, abs=0.03)

    edges = {1: 5, 2: 20}
    patches = tuple(replace(p, mask=np.ones((edges[p.cls],) * 2, bool)) for p in library.patches)
    usual = np.mean([p.mask.sum() for p in patches])
    found = Density.measure(replace(library, patches=patches), [], [1, 2]).chances
    assert found[0] / found[1] == pytest.approx(400 / usual)
    assert sum(found) == pytest.approx(1)


@pytest.mark.parametrize("blending", BLENDINGS)
@pytest.mark.parametrize("cutout", ["mask", "square"])
def test_labels_and_image_agree_however_objects_are_blended(library, cutout, blending):
    synthesizer = fitted(library, cutout=cutout, blending=blending, intensity=0.0)
    for index in range(5):
        pair = synthesizer.pair(index)
        ids = np.pad(pair.labels.ids, 3)
        inside = (ndimage.minimum_filter(ids, 7) == ndimage.maximum_filter(ids, 7)) & (ids > 0)
        inside = inside[3:-3, 3:-3]
        outside = ndimage.distance_transform_edt(pair.labels.ids == 0) > 6
        assert np.isfinite(pair.image).all()
        assert pair.image[0][inside].min() > 0.55
        assert pair.image[0][outside].max() < 0.4


def test_a_square_is_pasted_whole_and_its_label_is_the_mask(library):
    paper = PRESETS["paper"].model_copy(update={"size": 128, "patch_size": 2.0})
    image, _ = disc_image(CENTERS, inside=1.0, outside=0.4)
    bright = finish(build_library([clicked(image, CENTERS)], [DISC]))[1]
    (background,) = finish(estimate_backgrounds(bright))[1]
    background.level[:] = 0.0  # so that the squares stand out against the canvas
    synthesizer = finish(fit_to_backgrounds(paper, bright, [background]))[1]
    for index in range(6):
        pair = synthesizer.pair(index)
        squares = pair.image[0] > 0.2
        assert set(np.unique(pair.image[0][~squares])) <= {0.0}
        away = ndimage.distance_transform_edt(pair.labels.ids == 0)
        assert away[squares].max() < 20 * 2.0
        assert squares.sum() > 1.8 * (pair.labels.ids > 0).sum()


@pytest.mark.parametrize("edge", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_a_square_measures_what_was_asked_for(library, edge, spread):
    shop = fitted(library, cutout="square", blending="hard", patch_size=edge, rotation=False,
                  scale=0.0, patch_size_spread=spread, variants=12).factory  # fmt: skip
    reach = 10 * edge * (1 + spread) + 2
    inner = [
        number
        for number, patch in enumerate(shop.patches)
        if all(
            reach < o + c < n - reach
            for o, c, n in zip(patch.origin, patch.center, (128, 160), strict=True)
        )
    ]
    assert inner
    edges = np.array([shop.sprite(n, v, "hard", 0).mask.shape for n in inner for v in range(12)])
    if spread:
        assert edges.min() >= 0.7 * 20 * edge - 2
        assert edges.max() <= 1.3 * 20 * edge + 2
        assert edges.std() > 0.08 * 20 * edge
    else:
        assert np.abs(edges - 20 * edge).max() <= 2


def test_decoys_are_background_without_a_label(library):
    recipe = {"blending": "hard", "match_level": False, "canvas": "blank", "noise": 0.0}
    synthesizer = fitted(library, decoys=1.0, **recipe)
    bare = fitted(library, decoys=0.0, **recipe)
    touched, plain = [], []
    for index in range(8):
        pair = synthesizer.pair(index)
        free = pair.labels.ids == 0
        blank = np.median(pair.image)
        touched.append(np.mean(pair.image[0][free] != blank))
        assert pair.image[0][ndimage.distance_transform_edt(free) > 4].max() < 0.3
        other = bare.pair(index)
        plain.append(np.mean(other.image[0][other.labels.ids == 0] != np.median(other.image)))
    assert np.mean(plain) < 0.01
    assert np.mean(touched) > 0.05


@settings(max_examples=25)
@given(st.integers(3, 24), st.integers(3, 24), st.integers(0, 2**32 - 1))
def test_a_membrane_meets_the_edge_and_is_smooth_inside(height, width, seed):
    values = np.random.default_rng(seed).standard_normal((2, height, width)).astype(np.float32)
    result = membrane(values)
    edge = np.ones((height, width), bool)
    edge[1:-1, 1:-1] = False
    np.testing.assert_array_equal(result[:, edge], values[:, edge])
    inner = result[:, 1:-1, 1:-1]
    around = result[:, :-2, 1:-1] + result[:, 2:, 1:-1] + result[:, 1:-1, :-2] + result[:, 1:-1, 2:]
    np.testing.assert_allclose(inner, around / 4, atol=2e-5)


def test_a_membrane_works_in_volumes_and_thin_ones():
    values = np.random.default_rng(0).standard_normal((1, 5, 6, 7)).astype(np.float32)
    result = membrane(values)[0]
    inner = result[1:-1, 1:-1, 1:-1]
    around = sum(
        np.roll(result, step, axis)[1:-1, 1:-1, 1:-1] for axis in range(3) for step in (-1, 1)
    )
    np.testing.assert_allclose(inner, around / 6, atol=2e-5)
    assert np.ptp(membrane(values[:, :2])) == 0


def test_poisson_objects_meet_a_slanted_canvas_without_a_step():
    image, _ = disc_image(CENTERS, noise=0.0)
    slope = np.linspace(0, 0.6, image.shape[2], dtype=np.float32)
    library = finish(build_library([clicked(image + slope, CENTERS)], [DISC]))[1]
    steps = {}
    for blending in ("poisson", "hard"):
        synthesizer = fitted(
            library, cutout="square", blending=blending, match_level=blending == "poisson",
            patch_size=2.0, canvas="blank", noise=0.0, rotation=False, scale=0.0, intensity=0.0,
        )  # fmt: skip
        image = synthesizer.pair(0).image[0]
        outside = ndimage.distance_transform_edt(synthesizer.pair(0).labels.ids == 0) > 4
        steps[blending] = np.quantile(np.abs(np.diff(image, axis=1))[outside[:, 1:]], 0.999)
    assert steps["poisson"] < 0.3 * steps["hard"]


def test_a_recipe_saved_by_an_older_version_still_loads():
    old = {
        "kind": "paste", "size": 128, "canvas": "mixed", "density": 2.0, "density_spread": 0.1,
        "mixing": 0.5, "clustering": None, "overlap": 0.1, "rotation": True, "flip": False,
        "scale": 0.2, "intensity": 0.0, "feather": 0.1, "noise": 2.0, "min_quality": 0.2,
        "variants": 3, "seed": 5,
    }  # fmt: skip
    recipe = load_recipe(old)
    assert isinstance(recipe, PasteRecipe)
    assert {name: getattr(recipe, name) for name in old} == old


def test_presets_have_names_and_edited_ones_are_custom():
    for name, preset in PRESETS.items():
        assert preset_name(preset) == name
        assert preset_name(preset.model_copy(update={"seed": 4})) == name
        assert preset_name(preset.model_copy(update={"overlap": 0.77})) == "custom"
        assert load_recipe(preset.model_dump(mode="json")) == preset
    paper = PRESETS["paper"]
    assert (paper.size, paper.cutout, paper.blending, paper.canvas) == (
        384,
        "square",
        "hard",
        "blank",
    )
