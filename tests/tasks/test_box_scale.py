"""Boxes of dual images: by one factor as large as the class's diameter says."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import BoxLabels, DualImage, InstanceLabels
from napari_synthseg.core.patch import GIVEN
from napari_synthseg.patches.build import build_library
from napari_synthseg.tasks.detect.box_scale import measure_box_scale, with_box_scale
from napari_synthseg.training.augmentation import Augmentation, random_crop
from napari_synthseg.training.crop_boxes import find_boxes
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish

IDS = np.zeros((40, 60), np.int32)
IDS[10:20, 10:30] = 1
IDS[5:15, 40:50] = 2
LABELS = InstanceLabels(IDS, {1: 1, 2: 2})


def library(diameter):
    image, _ = disc_image(CENTERS)
    disc = DISC.model_copy(update={"diameter": diameter})
    return finish(build_library([clicked(image, CENTERS)], (disc,)))[1]


@pytest.mark.parametrize("diameter", [18, 21, 23])
def test_the_usual_box_becomes_as_large_as_the_diameter(diameter):
    found = library(diameter)
    growth = measure_box_scale(found)
    edges = []
    for patch in found.usable():
        if not patch.touches_border:
            box = InstanceLabels(patch.mask.astype(np.int32), {1: 1}, box_scale=growth).boxes()
            edges.append(np.sqrt(np.prod(box.sizes())))
    assert np.median(edges) == pytest.approx(diameter, rel=0.01)


@pytest.mark.parametrize("diameter", [10, 30])
def test_a_rough_diameter_changes_no_box(diameter):
    assert measure_box_scale(library(diameter)) == {}


def test_masks_of_the_user_and_few_objects_change_no_box():
    found = library(22)
    assert measure_box_scale(found)
    given = tuple(replace(p, method=GIVEN) for p in found.patches)
    assert measure_box_scale(replace(found, patches=given)) == {}
    assert measure_box_scale(replace(found, patches=found.patches[:3])) == {}


def test_boxes_grow_round_their_middle_and_only_those_of_their_class():
    grown = replace(LABELS, box_scale={1: 1.2}).boxes()
    np.testing.assert_allclose(grown.corners[0], [9, 8, 21, 32])
    np.testing.assert_array_equal(grown.corners[1], [5, 40, 15, 50])
    assert len(Boxes.of([]).grown({1: 1.2})) == 0


def test_a_crop_learns_the_grown_box_as_far_as_it_shows_it():
    labels = replace(LABELS, box_scale={1: 1.2, 2: 1.2})
    cut = replace(labels, ids=np.ascontiguousarray(IDS[10:, :45]))
    found = find_boxes(cut, labels)
    np.testing.assert_allclose(
        found.boxes.corners, [[0.0, 8.0, 11.0, 32.0], [0.0, 39.5, 5.5, 45.0]]
    )
    np.testing.assert_allclose(found.share, [1.0, 0.25])


def test_growth_stays_with_a_changed_crop_and_true_boxes_stay_as_they_are():
    image = np.zeros((1, 40, 40), np.float32)
    pair = with_box_scale(DualImage(image, InstanceLabels(IDS[:, :40], {1: 1}), 3), {1: 1.2})
    assert pair.index == 3
    still = Augmentation(zoom=1.0, turn=False)
    crop = random_crop(pair, (40, 40), still, np.random.default_rng(0))
    assert sorted(find_boxes(crop.labels).boxes.sizes()[0]) == pytest.approx([12, 24])
    true = BoxLabels(Boxes.of([[10, 10, 20, 30]]), (40, 40))
    boxed = with_box_scale(DualImage(image, true, 0), {1: 1.2})
    np.testing.assert_array_equal(find_boxes(boxed.labels).boxes.corners, [[10, 10, 20, 30]])
