"""The memory of cut images: it gives the same patches, and misses whatever changes them."""

import numpy as np
import pytest

from napari_synthseg.core.cache import ByteCache
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.patches import clicked as clicked_module
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.settings import PatchSettings
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish

IMAGE, IDS = disc_image(CENTERS)


@pytest.fixture
def works(monkeypatch):
    """Count how often an image is really cut."""
    monkeypatch.setattr(clicked_module, "CUT_IMAGES", ByteCache(2**28))
    cut, done = clicked_module.ImageCutter, []

    def counted(*args):
        done.append(args)
        return cut(*args)

    monkeypatch.setattr(clicked_module, "ImageCutter", counted)
    return done


def build(image=None, classes=(DISC,), **options):
    return finish(build_library([image or clicked(IMAGE, CENTERS)], classes, **options))[1]


def test_an_image_is_cut_once_and_gives_the_same_under_other_names(works):
    first, second = build(), build(clicked(IMAGE.copy(), CENTERS, name="b"))
    assert len(works) == 1
    for one, two in zip(first.patches, second.patches, strict=True):
        assert two.id == one.id.replace("a-", "b-")
        assert two.image == "b"
        assert one.issues == two.issues
        assert (one.cls, one.quality, one.origin) == (two.cls, two.quality, two.origin)
        np.testing.assert_array_equal(one.mask, two.mask)
        np.testing.assert_array_equal(one.pixels, two.pixels)
    assert second.backgrounds[0].image == second.statistics[0].image == "b"
    assert first.notes == second.notes
    assert len(build(rejected=frozenset({"a-1"})).usable()) == len(first.usable()) - 1
    assert len(works) == 1


def changed(part):
    image = clicked(IMAGE, CENTERS)
    if part == "pixel":
        pixels = IMAGE.copy()
        pixels[0, 3, 3] += 0.01
        return {"image": clicked(pixels, CENTERS)}
    if part == "click":
        return {"image": clicked(IMAGE, [(31, 30), *CENTERS[1:]])}
    if part == "number of clicks":
        return {"image": clicked(IMAGE, CENTERS[1:])}
    if part == "fully clicked":
        return {"image": clicked(IMAGE, CENTERS, exhaustive=False)}
    if part == "region":
        source = ArraySource(np.pad(IMAGE, [(0, 0), (5, 0), (0, 0)]), ((5, 133), (0, 160)))
        moved = [c.model_copy(update={"position": (c.position[0] + 5, c.position[1])})
                 for c in image.clicks]  # fmt: skip
        return {"image": ClickedImage(image.ref, source, tuple(moved))}
    if part == "diameter":
        return {"classes": (DISC.model_copy(update={"diameter": 21.0}),)}
    if part == "method":
        return {"classes": (DISC.model_copy(update={"mask_method": "outline"}),)}
    if part == "class":
        clicks = tuple(c.model_copy(update={"cls": 2}) for c in image.clicks)
        classes = (DISC, DISC.model_copy(update={"value": 2}))
        return {"image": ClickedImage(image.ref, image.pixels, clicks), "classes": classes}
    if part == "settings":
        return {"settings": PatchSettings(margin=0.4)}
    assert part == "mask of the user"
    return {"masks": {"a": InstanceLabels(IDS, dict.fromkeys(range(1, 8), 1))}}


PARTS = [
    "pixel", "click", "number of clicks", "fully clicked", "region", "diameter", "method", "class",
    "settings", "mask of the user",
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_whatever_changes_patches_is_cut_anew(works, part):
    build()
    build(**changed(part))
    assert len(works) >= 2


def test_other_user_masks_are_cut_anew(works):
    for ids in (IDS, np.where(IDS == 1, 0, IDS).astype(np.int32)):
        build(masks={"a": InstanceLabels(ids, dict.fromkeys(range(1, 8), 1))})
    assert len(works) == 2


def test_an_image_larger_than_the_cache_is_not_kept(works, monkeypatch):
    first = build()
    (cut,) = vars(clicked_module)["CUT_IMAGES"]._values.values()
    small = ByteCache(cut.nbytes - 1)
    monkeypatch.setattr(clicked_module, "CUT_IMAGES", small)
    again = build()
    assert not len(small)
    assert len(works) == 2
    np.testing.assert_array_equal(first.patches[0].mask, again.patches[0].mask)
