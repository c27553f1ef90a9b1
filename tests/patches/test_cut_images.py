"""Images are cut once, and anew when anything changes that their patches depend on."""

import numpy as np
import pytest

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches import cut_images
from napari_synthseg.patches.build import build_library
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
