"""Heat maps: hand-made cases, scikit-learn as oracle, and what must not change a figure."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, BoxLabels, InstanceLabels
from napari_synthseg.metrics.heat_maps.one_map import LEVELS, stretch
from napari_synthseg.metrics.heat_maps.scores import score_heat_maps

NAMES = {1: "cell", 2: "crystal"}
FIGURES = ("pointing", "energy", "pixel_ap", "max_box_acc_v2", "peak_f1")


def score(*images, **options):
    named = [(f"image {i}", *image) for i, image in enumerate(images)]
    return score_heat_maps(named, NAMES, measured_on="real", **options)


def squares(*corners, size=6, shape=(40, 50), classes=None):
    """Return labels with a square at each corner."""
    ids = np.zeros(shape, np.int32)
    for i, (y, x) in enumerate(corners, start=1):
        ids[y : y + size, x : x + size] = i
    return InstanceLabels(ids, classes or {})


FEW = squares((2, 3), (20, 30), (30, 5))
SMALL = squares((1, 2), (7, 9), size=3, shape=(12, 14))
few_levels = hnp.arrays(np.int64, (12, 14), elements=st.integers(-4, 4))


@pytest.mark.parametrize("figure", FIGURES)
def test_the_mask_itself_is_a_perfect_map(figure):
    disk = np.hypot(*(np.mgrid[:40, :50] - np.array([12, 30])[:, None, None])) < 8
    scores = score((FEW, {1: FEW.ids > 0}), (InstanceLabels(disk.astype(np.int32)), {1: disk}))
    assert scores.values[figure] == 1.0
    assert scores.values[f"{figure}_chance"] < 0.5


@given(hnp.arrays(np.int32, (9, 8), elements=st.integers(0, 2)), st.floats(-3, 3))
def test_a_constant_map_gets_chance(ids, constant):
    if not ids.any():
        return
    values = score((InstanceLabels(ids), {1: np.full(ids.shape, constant)})).values
    for figure in FIGURES[:-1]:
        assert values[figure] == pytest.approx(values[f"{figure}_chance"])
    assert values["pointing_chance"] == pytest.approx((ids > 0).mean())
    assert values["pixel_ap_chance"] == pytest.approx((ids > 0).mean())
    assert values["peak_recall"] == values["peak_recall_chance"] == 0.0  # it has no peak


def test_a_random_map_gets_chance_on_average():
    rng = np.random.default_rng(3)
    labels = squares((2, 3), (20, 30), (30, 5), size=12)
    images = [(labels, {1: rng.random(labels.ids.shape)}) for _ in range(60)]
    values = score(*images).values
    assert values["pointing"] == pytest.approx(values["pointing_chance"], abs=0.15)
    assert values["energy"] == pytest.approx(values["energy_chance"], abs=0.005)
    assert values["pixel_ap"] == pytest.approx(values["pixel_ap_chance"], abs=0.005)


def test_chance_of_peaks_is_that_of_random_places():
    rng = np.random.default_rng(3)
    labels = squares((2, 3), (20, 30), (30, 5), size=12)
    images = []
    for _ in range(150):
        heat = np.zeros(labels.ids.shape)
        heat.flat[rng.choice(heat.size, 4, replace=False)] = 1 + rng.random(4)
        images.append((labels, {1: heat}))
    values = score(*images, diameters={1: 1.0}).values
    for figure in ("peak_f1", "peak_precision", "peak_recall"):
        assert values[figure] == pytest.approx(values[f"{figure}_chance"], abs=0.05)
        assert values[figure] > 0.1


@given(few_levels, st.sampled_from([0.25, 2.0, 64.0]), st.integers(-3, 3))
def test_a_maps_scale_and_offset_change_nothing_but_energy(heat, scale, offset):
    one, other = score((SMALL, {1: heat})).values, score((SMALL, {1: heat * scale + offset})).values
    for figure in one:
        if figure != "energy":
            assert one[figure] == pytest.approx(other[figure])
    if offset == 0:
        assert one["energy"] == pytest.approx(other["energy"])


@given(few_levels)
def test_every_figure_is_a_share(heat):
    values = score((SMALL, {1: heat})).values
    assert all(0.0 <= value <= 1.0 for name, value in values.items() if name != "maps")
    assert values["max_box_acc_v2"] >= values["max_box_acc_v2_largest"]


@given(few_levels)
def test_turning_image_and_truth_together_changes_nothing(heat):
    turned = InstanceLabels(np.ascontiguousarray(SMALL.ids[::-1, ::-1]))
    one, other = score((SMALL, {1: heat})).values, score((turned, {1: heat[::-1, ::-1]})).values
    for figure in ("pointing", "energy", "pixel_ap", "max_box_acc_v2"):
        assert one[figure] == pytest.approx(other[figure])


def test_pixels_are_pooled_over_maps_and_ranked_as_scikit_learn_does():
    rng = np.random.default_rng(3)
    images, true, ranked = [], [], []
    for size in (4, 9, 12):
        labels = squares((2, 3), (20, 30), size=size)
        heat = rng.normal(size=labels.ids.shape) + (labels.ids > 0)
        images.append((labels, {1: 100 * heat + 7}))
        true.append(labels.ids.ravel() > 0)
        ranked.append(np.rint(stretch(heat).ravel() * (LEVELS - 1)))
    values = score(*images).values
    all_true, all_ranked = np.concatenate(true), np.concatenate(ranked)
    assert values["pixel_ap"] == pytest.approx(
        average_precision_score(all_true, all_ranked), abs=1e-9
    )
    assert values["pixel_ap_chance"] == pytest.approx(all_true.mean())


@given(hnp.arrays(np.float64, (6, 7), elements=st.floats(-1, 1, width=32)), st.integers(0, 41))
def test_levels_of_a_map_are_fine_enough(heat, flipped):
    ids = np.zeros(42, np.int32)
    ids[:: flipped % 5 + 2] = 1
    ids[flipped] = 1
    ours = score((InstanceLabels(ids.reshape(6, 7)), {1: heat})).values["pixel_ap"]
    level = np.rint(stretch(heat).ravel() * (LEVELS - 1))
    assert ours == pytest.approx(average_precision_score(ids > 0, level), abs=1e-9)


def test_pointing_counts_maps_and_shares_ties():
    right, wrong, tied = np.zeros((3, 40, 50))
    right[4, 5] = wrong[10, 10] = tied[4, 5] = tied[10, 10] = 2.0
    values = score(*((FEW, {1: heat}) for heat in (right, wrong, tied))).values
    assert values["pointing"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert values["pointing_chance"] == pytest.approx(3 * 36 / 2000)
    assert values["maps"] == 3


def test_tolerance_is_measured_in_diameters_of_the_object():
    """A square of 6 pixels is as large as a disk of 6.77; a fifth of that reaches 1 pixel."""
    near, far = np.zeros((2, 40, 50))
    near[8, 5] = far[9, 5] = 1.0  # the square ends at row 7
    kept = {"tolerance": 0.2}
    assert score((FEW, {1: near})).values["pointing"] == 0.0
    assert score((FEW, {1: near}), **kept).values["pointing"] == 1.0
    assert score((FEW, {1: far}), **kept).values["pointing"] == 0.0
    chance = score((FEW, {1: near}), **kept).values["pointing_chance"]
    assert chance == pytest.approx(3 * (36 + 4 * 6) / 2000)


def test_tolerance_reaches_over_the_border_of_no_image():
    labels = squares((0, 0), (34, 44))
    assert score((labels, {1: labels.ids}), tolerance=5.0).values["pointing_chance"] <= 1.0


def test_energy_is_a_share_of_the_positive_part():
    heat = np.full((40, 50), -5.0)
    heat[4, 5], heat[10, 10] = 3.0, 1.0
    assert score((FEW, {1: heat})).values["energy"] == 0.75
    shifted = score((FEW, {1: heat + 10})).values["energy"]
    assert shifted < 0.1


def test_a_map_without_a_positive_part_counts_as_constant_and_is_warned_of():
    scores = score((FEW, {1: np.where(FEW.ids > 0, 0.0, -1.0)}))
    assert scores.values["energy"] == scores.values["energy_chance"]
    assert scores.values["pointing"] == 1.0
    assert (
        "Heat maps without a positive part (1 of 'cell'): their energy counts as that of a "
        "constant map."
    ) in scores.warnings


def test_box_of_the_largest_part_and_of_any_part():
    labels = squares((2, 3), size=6)
    heat = np.zeros((40, 50))
    heat[2:8, 3:9] = 1.0  # the object
    heat[20:35, 20:45] = 1.0  # a larger mistake
    values = score((labels, {1: heat})).values
    assert values["max_box_acc_v2"] == 1.0
    assert values["max_box_acc_v2_largest"] == 0.0
    assert values["max_box_acc_v2_chance"] == 0.0


def test_chance_of_boxes_is_what_the_same_map_gets_on_the_mirrored_truth():
    rng = np.random.default_rng(3)
    heat = rng.random((40, 50))
    chance = score((FEW, {1: heat})).values["max_box_acc_v2_chance"]
    views = (FEW.ids[::-1], FEW.ids[:, ::-1], FEW.ids[::-1, ::-1])
    mirrored = [(InstanceLabels(np.ascontiguousarray(view)), {1: heat}) for view in views]
    assert chance == pytest.approx(score(*mirrored).values["max_box_acc_v2"])
    assert 0.0 < chance < 1.0


def test_box_accuracy_averages_three_overlaps_each_at_its_best_threshold():
    labels = squares((0, 0), size=10)
    half, all_of_it = np.zeros((2, 40, 50))
    half[:10, :6] = 1.0  # an IoU of 0.6: right at 0.3 and 0.5
    all_of_it[:10, :10] = 0.5
    all_of_it[:2, :10] = 1.0  # perfect below 0.5, an IoU of 0.2 above
    values = score((labels, {1: half}), (labels, {1: all_of_it})).values
    assert values["max_box_acc_v2"] == pytest.approx((1 + 1 + 0.5) / 3)


def test_one_threshold_serves_all_maps():
    labels = squares((0, 0), size=10)
    low, high = np.zeros((2, 40, 50))
    low[:10, :10] = 0.3
    low[0, 0] = 1.0  # right up to 0.3 only
    high[:] = 0.6
    high[39, 49] = 0.0
    high[:10, :10] = 1.0  # right above 0.6 only
    values = score((labels, {1: low}), (labels, {1: high})).values
    assert values["max_box_acc_v2"] == 0.5


def test_parts_that_touch_by_a_corner_are_one():
    labels = squares((0, 0), size=10)
    heat = np.zeros((40, 50))
    heat[:5, :5] = heat[5:10, 5:10] = 1.0
    assert score((labels, {1: heat})).values["max_box_acc_v2"] == 1.0


def test_peaks_are_matched_one_to_one():
    labels = squares((2, 3), (20, 30), size=12)
    heat = np.zeros((40, 50))
    for y, x in ((3, 4), (12, 13), (35, 5)):  # twice in the first, once in none
        heat[y, x] = 1.0
    values = score((labels, {1: heat}), diameters={1: 8.0}).values
    assert values["peak_precision"] == 1 / 3
    assert values["peak_recall"] == 1 / 2
    assert values["peak_f1"] == pytest.approx(2 / 5)


def test_how_far_peaks_lie_apart_is_told_for_each_image():
    heat = np.zeros((40, 50))
    heat[4, 5], heat[22, 32], heat[22, 40] = 1.0, 1.0, 0.9
    near, far = {1: 6.0}, {1: 30.0}
    for sizes, false in (([near, near], 2), ([near, far], 1), ([far, far], 0), (near, 2)):
        scores = score((FEW, {1: heat}), (FEW, {1: heat}), diameters=sizes)
        assert scores.values["peak_precision"] == pytest.approx(4 / (4 + false))


def test_classes_are_scored_apart_and_pooled():
    labels = squares((2, 3), (20, 30), classes={1: 1, 2: 2})
    right, wrong = (labels.ids == 1) * 1.0, (labels.ids == 1) * 1.0
    scores = score((labels, {1: right, 2: wrong}))
    assert scores.per_class["cell"]["pointing"] == 1.0
    assert scores.per_class["crystal"]["pointing"] == 0.0
    assert scores.values["pointing"] == 0.5
    assert (scores.task, scores.objects, scores.values["maps"]) == ("cam", 2, 2)


def test_objects_without_a_class_belong_to_the_first():
    scores = score_heat_maps([("a", FEW, {2: FEW.ids})], {2: "crystal"}, measured_on="real")
    assert scores.per_class["crystal"]["pointing"] == 1.0


def test_maps_of_absent_classes_are_left_out():
    rng = np.random.default_rng(3)
    scores = score((FEW, {1: FEW.ids > 0, 2: rng.random(FEW.ids.shape)}))
    assert set(scores.per_class) == {"cell"}
    assert scores.values["maps"] == 1
    assert scores.warnings == ("Class 'crystal' is on no image: its heat maps are not scored.",)


def test_a_missing_map_is_warned_of():
    labels = squares((2, 3), (20, 30), classes={1: 1, 2: 2})
    scores = score((labels, {1: labels.ids == 1}))
    assert "'crystal' is on 1 image(s) for which there is no heat map" in scores.warnings[0]


def test_incomplete_truth_is_warned_of():
    labels = squares((2, 3), (20, 30), classes={1: 1, 2: 2})
    maps = {1: labels.ids == 1, 2: labels.ids == 1}
    scores = score((labels, maps), incomplete_classes=["crystal"])
    assert scores.values["pointing"] == 1.0
    assert scores.per_class["crystal"]["pointing"] == 0.0
    (warning,) = scores.warnings
    assert "Not every object of class 'crystal' is marked" in warning


def test_boxes_serve_as_truth_and_may_overlap():
    boxes = Boxes.of([(2, 3, 12, 13), (7, 8, 17.5, 18), (30, 40, 60, 70)], 1)
    inside = np.zeros((40, 50))
    inside[2:12, 3:13] = inside[7:18, 8:18] = inside[30:, 40:] = 1.0
    heat = inside.copy()
    heat[4, 5] = heat[15, 15] = heat[35, 45] = 2.0
    values = score((boxes, {1: heat}), truth="boxes").values
    assert values["energy"] == values["pointing"] == values["peak_f1"] == 1.0
    assert values["pixel_ap"] == 1.0
    assert values["energy_chance"] == pytest.approx(inside.mean())


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_what_a_map_is_where_the_truth_is_unknown_does_not_count(kind):
    heat = np.random.default_rng(5).random((40, 50)) + 0.5
    left = heat[:, :30]
    labels = squares((2, 3), (30, 5), shape=(40, 30))
    heat[10, 40] = 9.0  # the highest value, and a peak, where nobody knows
    unknown = np.zeros((40, 50), bool)
    unknown[:, 30:] = True
    if kind == "masks":
        limited: Any = InstanceLabels(
            np.pad(labels.ids, ((0, 0), (0, 20)), constant_values=UNKNOWN)
        )
    else:
        limited = BoxLabels(Boxes.of([(2, 3, 8, 9), (30, 5, 36, 11)]), (40, 50), unknown)
    size = {"diameters": {1: 6.0}}
    one, other = (score(i, **size).values for i in ((limited, {1: heat}), (labels, {1: left})))
    figures = ("pointing", "energy", "pixel_ap", "peak_recall", "peak_recall_chance")
    for figure in (*figures, "pointing_chance", "energy_chance", "max_box_acc_v2"):
        assert one[figure] == pytest.approx(other[figure], abs=1e-4)


def test_masks_and_the_boxes_around_squares_agree():
    rng = np.random.default_rng(3)
    boxes = Boxes.of([(2, 3, 8, 9), (20, 30, 26, 36), (30, 5, 36, 11)])
    heat = rng.random((40, 50))
    one, other = score((FEW, {1: heat})).values, score((boxes, {1: heat})).values
    for figure in ("pointing", "energy", "pixel_ap", "max_box_acc_v2", "pointing_chance"):
        assert one[figure] == pytest.approx(other[figure])


@pytest.mark.parametrize(
    ("true", "maps", "message"),
    [
        (FEW, {1: np.zeros((40, 51))}, "'image 0': the truth has shape"),
        (FEW, {1: np.full((40, 50), np.nan)}, "'image 0': .*finite"),
        (FEW, {1: np.zeros((2, 40, 50))}, "instead of"),
        (FEW, {1: np.zeros((40, 50)), 2: np.zeros((4, 5))}, "different shapes"),
        (FEW, {}, "no heat map of it"),
        (FEW, {7: np.zeros((40, 50))}, "class 7, which has no name"),
        (InstanceLabels(FEW.ids, {1: 9}), {1: np.zeros((40, 50))}, "the truth holds class 9"),
        (InstanceLabels(FEW.ids - 2), {1: np.zeros((40, 50))}, "the id -2"),
        (Boxes.of([(50, 0, 60, 9)]), {1: np.zeros((40, 50))}, "covers no pixel"),
        (Boxes.of([]), {1: np.zeros((40, 50))}, "no heat map to score"),
    ],
)
def test_what_cannot_be_scored_is_refused(true, maps, message):
    with pytest.raises(InputError, match=message):
        score((true, maps))


def test_an_unknown_incomplete_class_is_refused():
    with pytest.raises(InputError, match="'dust' is not among"):
        score((FEW, {1: FEW.ids}), incomplete_classes=["dust"])


@pytest.mark.parametrize(
    ("option", "message"),
    [({"threshold": 1.5}, "it is a share"), ({"tolerance": -1.0}, "0 or more diameters")],
)
def test_parameters_out_of_range_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        score((FEW, {1: FEW.ids}), **option)
