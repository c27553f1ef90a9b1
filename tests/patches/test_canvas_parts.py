"""Parts of large images: only what is usable is read, and each patch finds its part."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.cache import MOST_VERSIONS
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import region_shape, region_slices
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage, Patch
from napari_synthseg.core.pixels import ArraySource, scaled
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches import background, canvas_parts
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import (
    divide_image,
    estimate_backgrounds,
    parts_of_patches,
)
from napari_synthseg.storage.images import describe, open_pixels
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.fitting import fit_to_backgrounds, fit_to_library
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, outlined

FAR = [(60, 60), (60, 100), (100, 80), (1450, 1460), (1450, 1500), (1420, 1480)]


class CountingSource(ArraySource):
    """Remembers how many pixels were read."""

    def read(self, region=None):
        pixels = super().read(region)
        object.__setattr__(self, "total", getattr(self, "total", 0) + pixels[0].size)
        return pixels


@pytest.fixture
def large(monkeypatch):
    """A large image with clicks in two of its corners."""
    monkeypatch.setattr(canvas_parts, "WHOLE_PX", 2**20)
    image, ids = disc_image(FAR, (1536, 1536))
    source = clicked(image, FAR, exhaustive=False)
    return replace(source, pixels=CountingSource(image)), ids


def test_a_small_image_is_one_part():
    image, _ = disc_image(CENTERS)
    source = clicked(image, CENTERS)
    assert divide_image(source, (), {1: 20.0}, 10**9) == [source.pixels.region]


def test_of_a_large_image_only_the_tiles_with_patches_are_read(large):
    source, ids = large
    library = exhaust(build_library([source], [DISC]))
    backgrounds = exhaust(estimate_backgrounds(library))
    assert [b.region for b in backgrounds] == [((0, 552), (0, 552)), ((984, 1536), (984, 1536))]
    assert source.pixels.total < ids.size / 2
    assert parts_of_patches(library.patches, backgrounds) == [0, 0, 0, 1, 1, 1]
    assert all(b.level == pytest.approx([0.1], abs=0.02) for b in backgrounds)


def test_dual_images_of_parts_show_objects_of_all(large):
    source, _ = large
    library = exhaust(build_library([source], [DISC]))
    synthesizer = exhaust(fit_to_library(PasteRecipe(size=256), library))
    assert {p.id for p in synthesizer.factory.patches} == {p.id for p in library.patches}
    pair = synthesizer.pair(3)
    assert pair.image.shape == (1, 256, 256)
    assert np.count_nonzero(pair.labels.ids)


def test_patches_beyond_the_parts_are_left_out_and_counted(large, monkeypatch):
    source, _ = large
    monkeypatch.setattr(canvas_parts, "MOST_PX", 512**2)
    clicks = source.clicks[:5]  # three here, two there
    library = exhaust(build_library([replace(source, clicks=clicks)], [DISC]))
    synthesizer = exhaust(fit_to_library(PasteRecipe(size=256), library))
    assert {p.id for p in synthesizer.factory.patches} == {"a-1", "a-2", "a-3"}
    assert any("Of 5 usable patches 2 are left out:" in n for n in synthesizer.notes)


def library_of(source, classes):
    """Cut patches of clicks of these classes."""
    clicks = tuple(
        c.model_copy(update={"cls": v}) for c, v in zip(source.clicks, classes, strict=True)
    )
    discs = [DISC.model_copy(update={"value": v, "name": f"disc {v}"}) for v in sorted({*classes})]
    return exhaust(build_library([replace(source, clicks=clicks)], discs))


def test_tiles_are_ranked_by_usable_patches(large, monkeypatch):
    source, _ = large
    monkeypatch.setattr(canvas_parts, "MOST_PX", 512**2)
    library = library_of(replace(source, clicks=source.clicks[:5]), [1] * 5)
    rejecting = library.with_verdicts(frozenset({"a-1", "a-2"}))  # one here, two there
    synthesizer = exhaust(fit_to_library(PasteRecipe(size=256), rejecting))
    assert {p.id for p in synthesizer.factory.patches} == {"a-4", "a-5"}
    assert any("Of 3 usable patches 1 are left out:" in n for n in synthesizer.notes)
    assert np.count_nonzero(synthesizer.pair(0).labels.ids)


def test_no_class_with_usable_patches_is_lost(monkeypatch):
    monkeypatch.setattr(canvas_parts, "WHOLE_PX", 2**20)
    monkeypatch.setattr(canvas_parts, "MOST_PX", 512**2)
    centers = [*FAR[:3], (700, 690), (700, 730), (80, 1450)]
    image, _ = disc_image(centers, (1536, 1536))
    rare = library_of(clicked(image, centers, exhaustive=False), [1, 1, 1, 1, 1, 2])
    synthesizer = exhaust(fit_to_library(PasteRecipe(size=256), rare))
    assert {p.id for p in synthesizer.factory.patches} == {"a-1", "a-2", "a-3", "a-6"}
    assert synthesizer.sampler.density.classes == (1, 2)
    expected = "Of 6 usable patches 2 are left out (class 1: 2 of 5):"
    assert any(expected in n for n in synthesizer.notes)


def test_poor_patches_of_a_part_stand_in_for_good_ones_outside(large, monkeypatch):
    """A class is not lost where what lies in the parts would not be first choice."""
    source, _ = large
    monkeypatch.setattr(canvas_parts, "MOST_PX", 512**2)
    library = library_of(replace(source, clicks=source.clicks[:5]), [1] * 5)
    patches = [replace(p, quality=0.01 if n < 3 else 1.0) for n, p in enumerate(library.patches)]
    synthesizer = exhaust(
        fit_to_library(PasteRecipe(size=256), replace(library, patches=tuple(patches)))
    )
    assert {p.id for p in synthesizer.factory.patches} == {"a-1", "a-2", "a-3"}


def test_without_usable_patches_the_remedy_is_told(large):
    source, _ = large
    library = library_of(source, [1] * 6)
    rejecting = library.with_verdicts(frozenset(p.id for p in library.patches))
    with pytest.raises(InputError, match="accept patches that you rejected"):
        exhaust(estimate_backgrounds(rejecting))
    here, _ = exhaust(estimate_backgrounds(library))
    there = library.with_verdicts(frozenset({"a-1", "a-2", "a-3"}))
    with pytest.raises(InputError, match="No usable patch lies on the parts"):
        exhaust(fit_to_backgrounds(PasteRecipe(size=256), there, [here]))


def divide_huge(diameter, classes, extent=(16000, 12500)):
    """Divide a huge image with patches up to `extent`; return them and the parts."""

    class Huge:
        shape = (1, 16000, 12500)
        region = ((0, 16000), (0, 12500))

        def read(self, region=None):
            raise AssertionError("dividing an image reads nothing")

    rng = np.random.default_rng(0)
    dot = np.ones((1, 1), bool)
    patches = [
        Patch(str(n), "a", 1 + n % classes, dot[None], dot, (int(y), int(x)), (0.0, 0.0))
        for n, (y, x) in enumerate(rng.integers(0, extent, (2000, 2)))
    ]
    parts = divide_image(
        ClickedImage(ImageRef(id="a", uri="a"), Huge(), ()),
        patches,
        dict.fromkeys(range(1, classes + 1), float(diameter)),
        canvas_parts.MOST_PX,
    )
    return patches, parts


@pytest.mark.parametrize("classes", [1, 2, 7])
@pytest.mark.parametrize("diameter", [0.4, 20, 100, 400, 1000, 5000])
def test_the_parts_of_an_image_keep_the_bound(diameter, classes):
    patches, parts = divide_huge(diameter, classes)
    sizes = [math.prod(region_shape(part)) for part in parts]
    assert sum(sizes) <= canvas_parts.MOST_PX
    assert sum(sizes) > canvas_parts.MOST_PX / 2 / classes
    places = canvas_parts.PatchPlaces(patches)
    shown = {patches[n].cls for part in parts for n in places.centered("a", part)}
    assert shown == set(range(1, classes + 1))


@pytest.mark.parametrize("diameter", [20, 64, 100])
def test_neighboring_parts_count_what_they_share_in_each(diameter):
    _, parts = divide_huge(diameter, 1, (5000, 5000))
    shown = np.zeros((16000, 12500), bool)
    for part in parts:
        shown[region_slices(part)] = True
    assert 1.1 < sum(math.prod(region_shape(p)) for p in parts) / np.count_nonzero(shown) < 1.5


def test_the_parts_of_many_images_keep_a_bound_together(monkeypatch):
    images = [clicked(disc_image(FAR, (1536, 1536), seed=n)[0], FAR, f"{n}") for n in range(3)]
    small = clicked(disc_image(CENTERS)[0], CENTERS, "s")
    library = exhaust(build_library([images[0], small, *images[1:]], [DISC]))
    whole = exhaust(estimate_backgrounds(library))
    assert [b.pixels.size for b in whole] == [1536**2, 128 * 160, 1536**2, 1536**2]
    monkeypatch.setattr(canvas_parts, "MOST_BYTES", 11 * 2**20)
    backgrounds = exhaust(estimate_backgrounds(library))
    sizes = {name: sum(b.pixels.size for b in backgrounds if b.image == name) for name in "012s"}
    assert sizes.pop("s") == 128 * 160  # as small as it is
    assert all(2**20 / 5 < size <= (2**20 - 128 * 160) / 3 for size in sizes.values())
    made = exhaust(fit_to_backgrounds(PasteRecipe(size=128), library, backgrounds))
    assert any("are left out: they lie far apart on large images" in n for n in made.notes)


def test_large_volumes_are_divided_into_columns(monkeypatch):
    monkeypatch.setattr(canvas_parts, "MOST_PX", 2**18)
    balls = [((6, y, x), 5, 1) for y, x in [(20, 20), (20, 40), (40, 20), (180, 180)]]
    image, _ = disc_image([c for c, _, _ in balls], (12, 200, 200), radius=5)
    source = outlined(image, balls, axes="zyx", pixel_size=(1.0,) * 3)
    library = exhaust(build_library([source], [DISC.model_copy(update={"diameter": 10})]))
    parts = [b.region for b in exhaust(estimate_backgrounds(library))]
    assert {part[0] for part in parts} == {(0, 12)}
    assert sum(math.prod(region_shape(part)) for part in parts) <= 2**18
    pair = exhaust(fit_to_library(PasteRecipe(volume_size=32), library)).pair(0)
    assert pair.image.shape == (1, 12, 32, 32)


def test_a_synthesizer_holds_each_pixel_twice_and_no_more():
    """As it is, and smoothed; with padded rows, and some masks."""
    image, _ = disc_image(FAR, (1536, 1536))
    library = exhaust(build_library([clicked(image, FAR)], [DISC]))
    made = exhaust(fit_to_library(PasteRecipe(size=128), library))
    held = {}
    for thing in (*made.canvases.images, *made.factory.sources, library, made.canvases):
        for part in (thing, getattr(thing, "background", None)):
            for value in vars(part).values() if part is not None else ():
                while isinstance(getattr(value, "base", None), np.ndarray):
                    value = value.base
                if isinstance(value, np.ndarray):
                    held[id(value)] = value.nbytes
    assert sum(held.values()) < 1.02 * (canvas_parts.BYTES_PER_VALUE + 3) * image.size


IMAGE, IDS = disc_image(CENTERS)


def backgrounds_of(image=None, classes=(DISC,), **options):
    library = exhaust(build_library([image or clicked(IMAGE, CENTERS)], classes, **options))
    return exhaust(estimate_backgrounds(library))


@pytest.fixture
def works(monkeypatch):
    """Count how often a background is really estimated."""
    estimate, done = background.estimate_background, []

    def counted(*args):
        done.append(args)
        return estimate(*args)

    monkeypatch.setattr(canvas_parts, "estimate_background", counted)
    return done


def test_a_background_is_estimated_once_and_known_under_other_names(works):
    (one,), (other,) = backgrounds_of(), backgrounds_of(clicked(IMAGE.copy(), CENTERS, name="b"))
    assert len(works) == 1
    assert (one.image, other.image) == ("a", "b")
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_an_image_that_is_clicked_on_and_on_leaves_few_backgrounds_behind(works):
    for number in range(6):
        backgrounds_of(clicked(IMAGE, CENTERS[number:]))
    assert len(works) == 6
    assert len(canvas_parts.CACHE) == MOST_VERSIONS
    backgrounds_of(changed("region")["image"])  # another part of the same image
    assert len(works) == 7
    assert len(canvas_parts.CACHE) == MOST_VERSIONS


def test_all_parts_of_a_large_image_are_kept(large, works, monkeypatch):
    monkeypatch.setattr(canvas_parts, "MOST_VERSIONS", 1)
    library = exhaust(build_library([large[0]], [DISC]))
    for _ in range(2):
        backgrounds = exhaust(estimate_backgrounds(library))
    assert len(works) == len(backgrounds) == 2


def changed(part):
    image = clicked(IMAGE, CENTERS)
    if part == "pixel":
        pixels = IMAGE.copy()
        pixels[0, 3, 3] += 0.01
        return {"image": clicked(pixels, CENTERS)}
    if part == "number of clicks":
        return {"image": clicked(IMAGE, CENTERS[1:])}
    if part == "fully clicked":
        return {"image": clicked(IMAGE, CENTERS, exhaustive=False)}
    if part == "region":
        source = ArraySource(np.pad(IMAGE, [(0, 0), (5, 0), (0, 0)]), ((5, 133), (0, 160)))
        moved = [c.model_copy(update={"position": (c.position[0] + 5, c.position[1])})
                 for c in image.clicks]  # fmt: skip
        return {"image": ClickedImage(image.ref, source, tuple(moved))}
    if part == "class":
        clicks = tuple(c.model_copy(update={"cls": 2}) for c in image.clicks)
        classes = (DISC, DISC.model_copy(update={"value": 2}))
        return {"image": ClickedImage(image.ref, image.pixels, clicks), "classes": classes}
    assert part == "mask of the user"
    return {"masks": {"a": InstanceLabels(IDS, dict.fromkeys(range(1, 8), 1))}}


def test_clicks_without_a_mask_change_nothing_of_a_known_background(works):
    library = exhaust(build_library([clicked(IMAGE, CENTERS[:4], exhaustive=False)], [DISC]))
    empty = [replace(p, id=f"{p.id}-b", mask=np.zeros_like(p.mask)) for p in library.patches]
    more = replace(library, patches=(*library.patches, *empty))
    (few,) = exhaust(estimate_backgrounds(library))
    (known,) = exhaust(estimate_backgrounds(more))
    assert len(works) == 1
    assert known.unclicked == few.unclicked > 0.5


@pytest.mark.parametrize(
    "part", ["pixel", "number of clicks", "fully clicked", "region", "class", "mask of the user"]
)
def test_whatever_changes_a_background_has_it_estimated_anew(works, part):
    backgrounds_of()
    backgrounds_of(**changed(part))
    assert len(works) == 2


@pytest.mark.parametrize(("fill", "factor"), [(0, 1), (np.nan, 1), (0, 0.8)])
def test_the_fill_of_a_mosaic_is_no_canvas(tmp_path, fill, factor):
    """What was filled goes on as the background around it does, with its noise."""
    centers = [(30, 90), (80, 90), (100, 140)]
    image, _ = disc_image(centers, noise=0.03)
    stored = (image[0] * 1000 + 500).astype(np.float32)
    stored[:, :40] = fill
    tifffile.imwrite(tmp_path / "a.tif", stored)
    (ref,) = describe(tmp_path / "a.tif")
    given = clicked(image, [(y * factor, x * factor) for y, x in centers])
    ref = given.ref.model_copy(update={"uri": ref.uri, "fingerprint": ref.fingerprint})
    source = replace(given, ref=ref, pixels=scaled(open_pixels(ref, tmp_path), factor))
    library = exhaust(build_library([source], [DISC]))
    (made,) = exhaust(estimate_backgrounds(library))
    lost = (slice(None), slice(0, int(38 * factor)))
    assert not made.valid[lost].any()
    filled, sound = made.pixels[0][lost], made.pixels[0][made.valid]
    assert np.median(filled) == pytest.approx(np.median(sound), abs=0.05)
    assert filled.std() == pytest.approx(sound.std(), rel=0.3)
