"""Parts of large images: only what is clicked is read, and every click finds its part."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches import background, canvas_parts
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import divide_image, estimate_backgrounds, part_of_patch
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.fitting import fit_to_library
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image

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
    assert divide_image(source, {1: 20.0}) == [source.pixels.region]


def test_of_a_large_image_only_the_tiles_with_clicks_are_read(large):
    source, ids = large
    library = exhaust(build_library([source], [DISC]))
    backgrounds = exhaust(estimate_backgrounds(library))
    assert [b.region for b in backgrounds] == [((0, 552), (0, 552)), ((984, 1536), (984, 1536))]
    assert source.pixels.total < ids.size / 2
    assert [part_of_patch(p, backgrounds) for p in library.patches] == [0, 0, 0, 1, 1, 1]
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
    assert any("Of 5 usable patches 3 are pasted" in n for n in synthesizer.notes)


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


@pytest.mark.parametrize(
    "part", ["pixel", "number of clicks", "fully clicked", "region", "class", "mask of the user"]
)
def test_whatever_changes_a_background_has_it_estimated_anew(works, part):
    backgrounds_of()
    backgrounds_of(**changed(part))
    assert len(works) == 2
