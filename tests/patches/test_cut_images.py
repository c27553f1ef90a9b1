"""Images are cut once, and anew when anything changes that their patches depend on."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.cache import MOST_VERSIONS
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage, Outline
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import Progress, exhaust
from napari_synthseg.patches import cut_images
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.masks.registry import MASK_METHODS, MaskMethod, register
from napari_synthseg.patches.settings import PatchSettings
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image

IMAGE, IDS = disc_image(CENTERS)


def image_of(centers=CENTERS, name="a", **fields):
    return clicked(IMAGE, centers, name, **{"fingerprint": "f", **fields})


def build(*images, classes=(DISC,), **options):
    return exhaust(build_library(images or (image_of(),), classes, **options))


@pytest.fixture
def works(monkeypatch):
    """Remember which images are really cut."""
    cut, done = vars(cut_images)["cut_clicked_image"], []

    def counted(image, *args):
        done.append(image.ref.id)
        return cut(image, *args)

    monkeypatch.setattr(cut_images, "cut_clicked_image", counted)
    return done


def test_only_the_image_that_changed_is_cut_anew(works):
    first = build(image_of(), image_of(name="b"))
    again = build(image_of(), image_of([(31, 30), *CENTERS[1:]], "b"), rejected=frozenset({"a-1"}))
    assert works == ["a", "b", "b"]
    assert again.patches[1].mask is first.patches[1].mask
    assert "a-1" not in {p.id for p in again.usable()}


def test_an_image_that_is_clicked_on_and_on_leaves_few_versions_behind(works):
    build(image_of(name="b"))
    for number in range(12):
        build(image_of([(31 + number / 4, 30), *CENTERS[1:]]))
    assert len(cut_images.CACHE) == 1 + MOST_VERSIONS
    build(image_of([(31 + 11 / 4, 30), *CENTERS[1:]]), image_of(name="b"))
    assert works == ["b", *["a"] * 12]


def test_names_and_roles_change_no_patch(works):
    build(image_of())
    shown = image_of()
    build(ClickedImage(shown.ref.model_copy(update={"role": "test"}), shown.pixels, shown.clicks))
    assert works == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "g"}, {"pixel_size": (2.0, 2.0), "unit": "um"}, {"centers": CENTERS[1:]},
        {"negatives": ((5.0, 5.0),)}, {"diameter": 21.0}, {"settings": PatchSettings(margin=0.4)},
        {"masks": {"a": InstanceLabels(IDS, dict.fromkeys(range(1, 8), 1))}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_whatever_changes_patches_is_cut_anew(works, change):
    build()
    fields = {k: v for k, v in change.items() if k in ("fingerprint", "pixel_size", "unit")}
    image = image_of(change.get("centers", CENTERS), **fields)
    image = ClickedImage(image.ref, image.pixels, image.clicks, change.get("negatives", ()))
    classes = [DISC.model_copy(update={"diameter": change.get("diameter", DISC.diameter)})]
    options = {k: v for k, v in change.items() if k in ("settings", "masks")}
    build(image, classes=classes, **options)
    assert works == ["a", "a"]


def test_the_class_of_a_click_counts(works):
    first = image_of()
    clicks = [c.model_copy(update={"cls": 1 + n % 2}) for n, c in enumerate(first.clicks)]
    swapped = [c.model_copy(update={"cls": 3 - c.cls}) for c in clicks]
    classes = [DISC, DISC.model_copy(update={"name": "other", "value": 2})]
    for some in (clicks, swapped):
        patches = build(replace(first, clicks=tuple(some)), classes=classes).patches
        assert [p.cls for p in patches] == [c.cls for c in some]
    assert works == ["a", "a"]


def test_the_method_counts(works):
    def outline(objects):
        yield Progress(0.5)
        corners = np.maximum(np.round(objects.positions).astype(int) - 4, 0)
        return [Outline(np.ones((5, 5), bool), tuple(c), 0.6) for c in corners.tolist()]

    register(MaskMethod("squares", "Squares", "", outline))
    try:
        for method in ("network", "squares"):
            patches = build(classes=[DISC.model_copy(update={"mask_method": method})]).patches
            assert {p.method for p in patches} == {method}
    finally:
        del MASK_METHODS["squares"]
    assert works == ["a", "a"]


def test_the_part_of_the_image_that_is_used_counts(works):
    whole = image_of(CENTERS[:4])
    build(whole)
    part = ArraySource(IMAGE, ((0, 100), (0, 120)))
    build(replace(whole, pixels=part))
    assert works == ["a", "a"]


def test_without_a_fingerprint_nothing_is_remembered(works):
    for _ in range(2):
        build(image_of(fingerprint=""))
    assert works == ["a", "a"]


def test_an_array_of_the_project_is_known_by_its_name(works):
    for _ in range(2):
        image = image_of(fingerprint="")
        ref = image.ref.model_copy(update={"uri": "arrays:xyz"})
        patches = build(ClickedImage(ref, image.pixels, image.clicks)).patches
    assert works == ["a"]
    assert np.count_nonzero(patches[0].mask) > 200
