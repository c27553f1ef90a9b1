"""From clicks to outlines: by which method, in planes and volumes, beside what is no object."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import ClickedImage, Outline
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import Progress, exhaust
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.outlining import outline_objects
from napari_synthseg.patches.masks.registry import MASK_METHODS, MaskMethod, register
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish, overlap

RADIUS = 12.0
PLACES = [(30, 30), (30, 80), (30, 130), (80, 40), (82, 95), (80, 145), (130, 30), (130, 90)]


def draw(kind, seed=0, shape=(170, 180)):
    """Draw one object a place: (channel, y, x) and the true ids."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, 0.5) + 0.03 * rng.standard_normal(shape)
    roughness = ndimage.gaussian_filter(rng.standard_normal(shape), 1.0)
    ids = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate(PLACES, start=1):
        away = np.hypot(*(np.indices(shape) - np.reshape((y, x), (2, 1, 1))))
        ids[away < RADIUS] = number
        rim = np.exp(-(((away - RADIUS + 2) / 1.5) ** 2))
        image += {
            "bright": 0.4 * (away < RADIUS),
            "dark": -0.4 * (away < RADIUS),
            "ring": 0.4 * rim,
            "dark ring": -0.4 * rim,
            "texture": 0.6 * roughness * (away < RADIUS),
        }[kind]
    return ndimage.gaussian_filter(image, 0.7)[None].astype(np.float32), ids


def cut(image, places=PLACES, diameter=2 * RADIUS, **options):
    cls = ObjectClass(name="disc", value=1, diameter=diameter)
    return exhaust(build_library([clicked(image, places, **options)], [cls]))


def overlaps(library, ids):
    return [overlap(p, ids, n) for n, p in enumerate(library.patches, start=1)]


@pytest.mark.parametrize(
    ("kind", "least"),
    [("bright", 0.9), ("dark", 0.9), ("ring", 0.9), ("dark ring", 0.9), ("texture", 0.8)],
)
def test_objects_of_every_kind_are_found(kind, least):
    image, ids = draw(kind)
    assert np.median(overlaps(cut(image), ids)) > least


@pytest.mark.parametrize("diameter", [6.0, 80.0])
def test_a_wrong_diameter_misleads_no_outline_and_is_told(diameter):
    image, ids = draw("bright")
    library = cut(image, diameter=diameter)
    assert np.median(overlaps(library, ids)) > 0.85
    assert library.diameters[1] == pytest.approx(2 * RADIUS, rel=0.1)
    assert any("measure 24 px" in n or "measure 23 px" in n for n in library.notes), library.notes


def test_a_long_object_is_outlined_and_cut_whole():
    shape = (120, 300)
    y, x = np.indices(shape)
    rods = [(30, 150), (75, 140), (105, 160)]
    ids = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(rods, start=1):
        ids[(abs(y - row) < 6) & (abs(x - column) < 100)] = number
    image = ndimage.gaussian_filter((ids > 0).astype(np.float32), 1)[None]
    image += np.random.default_rng(0).normal(0, 0.03, image.shape).astype(np.float32)
    library = cut(image, rods, diameter=20)
    assert min(overlaps(library, ids)) > 0.8
    for patch in library.patches:  # with a margin on every side
        low, high = np.argwhere(patch.mask).min(axis=0), np.argwhere(patch.mask).max(axis=0)
        assert (low > 5).all()
        assert (np.array(patch.mask.shape) - high > 5).all()


def test_a_negative_click_takes_its_object_out_of_the_outline():
    shape = (100, 100)
    y, x = np.indices(shape)
    one, other = (np.hypot(y - 50, x - column) < 14 for column in (40, 60))
    image = ndimage.gaussian_filter((one | other).astype(np.float32), 1.5)[None]
    alone = clicked(image, [(50, 38)], exhaustive=False)
    cls = ObjectClass(name="disc", value=1, diameter=28)
    both, first = (
        exhaust(build_library([source], [cls])).patches[0]
        for source in (alone, replace(alone, negatives=((50.0, 66.0),)))
    )
    ids = np.where(one, 1, 2 * other)
    assert overlap(both, one | other, 1) > 0.9  # nothing says that they are two
    assert overlap(first, ids, 1) > 0.85
    row, column = np.subtract((50, 66), first.origin)
    assert not first.mask[row, column]


def test_objects_of_a_volume_are_followed_through_its_planes():
    shape, centers = (20, 80, 90), [(9, 22, 22), (10, 22, 66), (8, 58, 30), (11, 60, 70)]
    grid = np.indices(shape)
    ids = np.zeros(shape, np.int32)
    for number, center in enumerate(centers, start=1):
        away = sum(
            ((g - c) * s) ** 2 for g, c, s in zip(grid, center, (2.0, 1.0, 1.0), strict=True)
        )
        ids[away < 12.0**2] = number
    image = ndimage.gaussian_filter((ids > 0).astype(np.float32), (0.5, 1, 1))[None]
    image += np.random.default_rng(0).normal(0, 0.03, image.shape).astype(np.float32)
    library = cut(image, centers, 24.0, axes="zyx", pixel_size=(2.0, 1.0, 1.0), unit="um")
    assert min(overlaps(library, ids)) > 0.75
    assert library.measured[1].diameter == pytest.approx(24, rel=0.12)


@pytest.fixture
def squares():
    """A method from elsewhere that knows only squares."""

    def outline(objects):
        yield Progress(0.5)
        corners = np.round(objects.positions).astype(int) - 4
        return [Outline(np.ones((9, 9), bool), tuple(c), 0.6) for c in corners.tolist()]

    yield register(MaskMethod("squares", "Squares", "", outline))
    del MASK_METHODS["squares"]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (4.0, 2.0, 1.0)])
def test_the_clicks_of_an_image_are_arrays_of_its_axes(spacing):
    ndim = len(spacing)
    pixels = ArraySource(np.zeros((1, *[8] * ndim), np.float32))
    ref = ImageRef(uri="a.tif", axes="zyx"[-ndim:], pixel_size=spacing, unit="um")
    bare = ClickedObjects.on(ClickedImage(ref, pixels, ()), {})
    assert bare.positions.shape == bare.negatives.shape == (0, ndim)
    assert len(bare) == 0
    clicks = (Click(image=ref.id, position=(2.0,) * ndim, cls=3),)
    image = ClickedImage(ref, pixels, clicks, negatives=((5.0,) * ndim,))
    objects = ClickedObjects.on(image, {3: 4.0})
    assert objects.positions.tolist() == [[2.0] * ndim]
    assert objects.classes.tolist() == [3]
    assert objects.negatives.tolist() == [[5.0] * ndim]
    assert objects.spacing == spacing


def test_each_class_is_outlined_by_its_method(squares):
    image, _ = draw("dark")
    classes = np.array([1, 2] * 4)
    objects = ClickedObjects(
        ArraySource(image), np.array(PLACES, float), classes, {1: 24.0, 2: 24.0},
        np.zeros((0, 2)), (1.0, 1.0),
    )  # fmt: skip
    steps, found = finish(outline_objects(objects, {2: "squares"}))
    assert [f.method for f in found] == ["network", "squares"] * 4
    assert {f.outline.area for f in found[1::2]} == {81}
    assert min(f.outline.area for f in found[::2]) > 300
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps)


def outlines_of(position, **wrong):
    """Return what a method gives for two clicks where it does not keep to what is agreed."""
    good = {"mask": np.ones((9, 9), bool), "origin": position, "confidence": 0.6}
    return [Outline(**good), Outline(**{**good, **wrong})]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (outlines_of((20, 20))[:1], "1 outlines for 2 clicks"),
        (outlines_of((20, 20), origin=(-1, 20)), "click 2 of 2 that covers pixels at"),
        (outlines_of((20, 20), origin=(20, 172)), "covers pixels at .*outside the image's region"),
        (outlines_of((20, 20), confidence=np.nan), "confidence of nan"),
        (outlines_of((20, 20), confidence=1.2), "must lie between 0 and 1"),
        (outlines_of((20, 20), confidence=-0.1), "must lie between 0 and 1"),
        (outlines_of((20, 20), mask=np.ones((9, 9), int)), "no boolean mask of 2 axes"),
        (outlines_of((20, 20), mask=np.ones((1, 9, 9), bool)), "no boolean mask of 2 axes"),
        (outlines_of((20, 20), origin=(0, 20, 20)), "no boolean mask of 2 axes"),
    ],
)
def test_what_a_method_must_not_return_is_refused_by_its_name(squares, returned, words):
    def outline(objects):
        yield Progress(0.5)
        return returned

    MASK_METHODS["squares"] = MaskMethod("squares", "Squares", "", outline)
    image = clicked(draw("dark")[0], PLACES[:2])
    cls = ObjectClass(name="disc", value=1, diameter=24, mask_method="squares")
    with pytest.raises(InputError, match=rf"method 'squares' returned .*{words}"):
        exhaust(build_library([image], [cls]))


def test_outlines_that_reach_to_the_border_and_empty_ones_elsewhere_are_taken(squares):
    def outline(objects):
        yield Progress(0.5)
        return [
            Outline(np.ones((9, 9), bool), (161, 171), 1.0),
            Outline(np.zeros((9, 9), bool), (500, 500), 0.0),
        ]

    MASK_METHODS["squares"] = MaskMethod("squares", "Squares", "", outline)
    image = clicked(draw("dark")[0], [(165, 175), PLACES[1]])
    cls = ObjectClass(name="disc", value=1, diameter=24, mask_method="squares")
    patches = exhaust(build_library([image], [cls])).patches
    assert [p.area for p in patches] == [81, 0]


def test_an_unknown_method_is_refused_and_the_known_ones_are_named():
    image, _ = disc_image(CENTERS)
    cls = DISC.model_copy(update={"mask_method": "magic"})
    with pytest.raises(InputError, match=r"'magic' is not installed: .* choose network"):
        exhaust(build_library([clicked(image, CENTERS)], [cls]))


def test_in_a_volume_a_nucleus_leaves_its_cell_whole():
    shape, centers = (16, 90, 100), [(8, 26, 28), (8, 26, 74), (8, 66, 50)]
    grid = np.indices(shape)
    cells, nuclei = (
        sum(
            (n + 1)
            * (
                sum(
                    ((g - c) * s) ** 2
                    for g, c, s in zip(grid, center, (3.0, 1.0, 1.0), strict=True)
                )
                < radius**2
            )
            for n, center in enumerate(centers)
        )
        for radius in (18.0, 7.0)
    )
    image = 0.5 * (cells > 0) + 0.5 * (nuclei > 0)
    image = ndimage.gaussian_filter(image.astype(np.float32), (0.3, 1, 1))[None]
    image += np.random.default_rng(0).normal(0, 0.02, image.shape).astype(np.float32)
    source = clicked(image, [*centers, *centers], axes="zyx", pixel_size=(3.0, 1.0, 1.0), unit="um")
    clicks = [c.model_copy(update={"cls": 1 + n // 3}) for n, c in enumerate(source.clicks)]
    classes = [
        ObjectClass(name="cell", value=1, diameter=36),
        ObjectClass(name="nucleus", value=2, diameter=14),
    ]
    library = exhaust(build_library([replace(source, clicks=tuple(clicks))], classes))
    cell_overlaps = [overlap(p, cells, n + 1) for n, p in enumerate(library.patches[:3])]
    assert min(cell_overlaps) > 0.7, cell_overlaps


@pytest.mark.parametrize("spacing", [(1.0, 3.0, 3.0), (1.0, 1.0, 1.0), (2.0, 1.0, 2.0)])
def test_balls_are_found_whole_whichever_axis_is_finest(spacing):
    z, y, x = (int(90 / s) for s in spacing)
    centers = [(z // 2, y // 4, x // 4), (z // 2, y // 4, 3 * x // 4), (z // 2, 3 * y // 4, x // 2)]
    grid = np.indices((z, y, x))
    ids = np.zeros((z, y, x), np.int32)
    for number, center in enumerate(centers, start=1):
        away = sum(((g - c) * s) ** 2 for g, c, s in zip(grid, center, spacing, strict=True))
        ids[away < 15.0**2] = number
    image = (ids > 0).astype(np.float32)[None]
    image += np.random.default_rng(0).normal(0, 0.03, image.shape).astype(np.float32)
    library = cut(image, centers, 30.0, axes="zyx", pixel_size=spacing, unit="um")
    assert min(overlaps(library, ids)) > 0.75


@pytest.mark.parametrize(("kind", "least"), [("bright", 0.95), ("ring", 0.93), ("texture", 0.8)])
@pytest.mark.parametrize("axis", [1, 2])
def test_disks_are_found_where_pixels_are_three_times_as_long_as_wide(kind, least, axis):
    image, ids = draw(kind, shape=(168, 180))
    pixels = np.stack([image.take(range(n, 168, 3), 1) for n in range(3)]).mean(axis=0)
    places = [((y - 1) / 3, float(x)) for y, x in PLACES]
    size = 0.75, 0.25
    ids = ids[1::3]
    if axis == 2:
        pixels, ids, size = pixels.swapaxes(1, 2), ids.T, (0.25, 0.75)
        places = [(x, y) for y, x in places]
    disc = ObjectClass(name="disc", value=1, diameter=6, unit="um")
    part = clicked(pixels, places, pixel_size=size, unit="um")
    library = exhaust(build_library([part], [disc]))
    assert np.median(overlaps(library, ids)) > least
    assert library.diameters[1] == 24
    assert library.measured[1].diameter == pytest.approx(24, abs=1)
    (note,) = library.notes
    assert f"({size[0]} by {size[1]} um along y and x)" in note


def test_where_a_plane_shows_nothing_an_object_ends():
    shape = (6, 60, 60)
    image = np.random.default_rng(4).normal(0, 0.05, shape).astype(np.float32)[None]
    y, x = np.indices(shape[1:])
    image[0, 2] += 0.08 * (np.hypot(y - 30, x - 30) < 5)
    source = clicked(image, [(2, 30, 30)], axes="zyx")
    ball = ObjectClass(name="ball", value=1, diameter=8)
    negatives = tuple((3.0, 30.0 + a, 30.0 + b) for a in (-4, 0, 4) for b in (-4, 0, 4))
    (patch,) = exhaust(build_library([replace(source, negatives=negatives)], [ball])).patches
    assert patch.mask.any(axis=(1, 2)).sum() <= 3
