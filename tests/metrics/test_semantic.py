"""Regions; torchmetrics, MONAI and scikit-learn are the oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
)

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import Scores
from napari_synthseg.metrics.confusion import BLOCK_PIXELS, place_of
from napari_synthseg.metrics.semantic import score_semantic

NAMES = {1: "cell", 2: "crystal", 3: "fiber"}
ALL = ["background", *NAMES.values()]
IGNORED = 255

few = settings(max_examples=30)


def score(*pairs, names=NAMES, **options):
    images = [(f"image {i}", np.asarray(t), np.asarray(p)) for i, (t, p) in enumerate(pairs)]
    return score_semantic(images, names, measured_on="real", **options)


@st.composite
def pair(draw, true=(0, 1, 2, 3), given=(0, 1, 2, 3)):
    """Draw truth and prediction of one image, often without some of the classes."""
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    sides = []
    for values in (true, given):
        some = draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
        sides.append(draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from(some))))
    return tuple(sides)


pairs = st.lists(pair(), min_size=1, max_size=4)
ignoring = st.lists(pair(true=(0, 1, 2, 3, IGNORED)), min_size=1, max_size=4)


def counted(drawn):
    """Return the true and the predicted class of all pixels that count, of all images."""
    true, given = (np.concatenate([np.ravel(p[side]) for p in drawn]) for side in (0, 1))
    return true[true != IGNORED], given[true != IGNORED]


def mean_of(scores: Scores, metric: str, classes) -> Any:
    each = [scores.per_class[c][metric] for c in classes]
    return pytest.approx(np.mean(each)) if each else None


@few
@given(ignoring)
def test_pooled_values_are_those_of_scikit_learn(drawn):
    scores = score(*drawn, ignore=IGNORED)
    true, given_ = counted(drawn)
    assert scores.objects == true.size
    if not true.size:
        assert scores.values == {}
        return
    ours = [[scores.confusion[t][p] for p in ALL] for t in ALL]
    assert np.array_equal(ours, confusion_matrix(true, given_, labels=range(4)))
    values = scores.values
    assert values["miou"] == pytest.approx(jaccard_score(true, given_, average="macro"))
    assert values["dice"] == pytest.approx(f1_score(true, given_, average="macro"))
    assert values["pixel_accuracy"] == pytest.approx(accuracy_score(true, given_))
    present = np.unique(true)
    by_class = jaccard_score(true, given_, average=None, labels=range(4), zero_division=0)
    assert values["present_miou_pooled"] == pytest.approx(by_class[present].mean())
    recalls = [scores.per_class[ALL[c]]["recall"] for c in present]
    if set(given_) <= set(present):
        assert np.mean(recalls) == pytest.approx(balanced_accuracy_score(true, given_))
    front = np.union1d(true, given_)
    front = front[front > 0]
    if front.size:
        assert values["miou_foreground"] == pytest.approx(by_class[front].mean())
    else:
        assert not {"miou_foreground", "dice_foreground"} & values.keys()


@few
@given(ignoring)
def test_standard_mean_iou_is_that_of_torchmetrics(drawn):
    import torch
    from torchmetrics.functional.classification import multiclass_jaccard_index

    true, given_ = (torch.tensor(side.astype(int)) for side in counted(drawn))
    if len(true):
        oracle = multiclass_jaccard_index(given_, true, num_classes=4, average="macro")
        values = score(*drawn, ignore=IGNORED).values
        assert values["miou"] == pytest.approx(float(oracle), abs=1e-6)


@few
@given(pair())
def test_standard_mean_iou_of_one_image_is_that_of_torchmetrics_for_segmentation(drawn):
    import torch
    from torchmetrics.segmentation import MeanIoU

    true, given_ = (torch.tensor(side.astype(int))[None] for side in drawn)
    oracle = MeanIoU(num_classes=4, input_format="index")
    oracle.update(given_, true)
    assert score(drawn).values["miou"] == pytest.approx(float(oracle.compute()), abs=1e-6)


@few
@given(pairs, st.booleans())
def test_presence_by_image_is_that_of_monai(drawn, include_background):
    import torch
    from monai.metrics.meaniou import MeanIoU

    oracle = MeanIoU(include_background=include_background, reduction="mean", ignore_empty=True)
    for true, given_ in drawn:
        sides = (torch.tensor(np.eye(4)[a]).movedim(-1, 0)[None] for a in (given_, true))
        oracle(*sides)
    name = "present_miou_per_image" + ("" if include_background else "_foreground")
    values = score(*drawn).values
    if not include_background and all(not true.any() for true, _ in drawn):
        assert name not in values
    else:
        assert values[name] == pytest.approx(float(torch.as_tensor(oracle.aggregate())), abs=1e-6)


@few
@given(pair(true=(0, 1, 2, IGNORED)))
def test_both_kinds_of_presence_are_one_on_one_image(drawn):
    values = score(drawn, ignore=IGNORED).values
    for kind in ("", "_foreground"):
        by_image = values.get(f"present_miou_per_image{kind}")
        assert by_image == values.get(f"present_miou_pooled{kind}")


@few
@given(ignoring)
def test_values_over_all_are_means_of_those_of_classes(drawn):
    scores = score(*drawn, ignore=IGNORED)
    true, given_ = counted(drawn)
    if not true.size:
        return
    for kind, first in (("", 0), ("_foreground", 1)):
        occurring = [ALL[c] for c in np.union1d(true, given_) if c >= first]
        present = [ALL[c] for c in np.unique(true) if c >= first]
        values = scores.values
        assert values.get(f"miou{kind}") == mean_of(scores, "iou", occurring)
        assert values.get(f"dice{kind}") == mean_of(scores, "dice", occurring)
        assert values.get(f"present_miou_pooled{kind}") == mean_of(scores, "iou", present)
        edged = [c for c in present if "boundary_f1" in scores.per_class[c]]
        edged_means = [scores.per_class[c]["boundary_f1"] for c in edged]
        if f"boundary_f1{kind}" in values:
            assert min(edged_means) <= values[f"boundary_f1{kind}"] <= max(edged_means)
    for c, name in enumerate(ALL):
        assert scores.per_class[name]["share_true"] == pytest.approx(np.mean(true == c))
        assert scores.per_class[name]["share_predicted"] == pytest.approx(np.mean(given_ == c))


@few
@given(ignoring)
def test_pixels_given_to_absent_classes_by_brute_force(drawn):
    wrong = total = 0
    for true, given_ in drawn:
        true, given_ = counted([(true, given_)])
        wrong += sum(g not in true for g in given_)
        total += true.size
    values = score(*drawn, ignore=IGNORED).values
    assert values.get("absent_rate") == (pytest.approx(wrong / total) if total else None)


def test_five_pixels_of_an_absent_class_ruin_the_standard_mean_iou_only():
    true = np.zeros((100, 100), np.uint8)
    true[:10] = 1
    given_ = true.copy()
    given_[50, :5] = 2
    scores = score((true, given_), names={1: "cell", 2: "crystal"})
    assert scores.values["miou"] == pytest.approx((8995 / 9000 + 1 + 0) / 3)
    assert scores.values["miou_foreground"] == 0.5
    for kind in ("per_image", "pooled"):
        assert scores.values[f"present_miou_{kind}"] == pytest.approx((8995 / 9000 + 1) / 2)
        assert scores.values[f"present_miou_{kind}_foreground"] == 1
    assert scores.values["absent_rate"] == 5 / 10_000
    (warning,) = scores.warnings
    assert "'crystal' is in no truth, and 5 pixel(s) were given to it" in warning


def test_presence_by_image_and_over_all_differ():
    one = np.array([[0, 0, 1, 1]]), np.array([[0, 0, 1, 2]])
    other = np.array([[2, 2, 0, 0]]), np.array([[2, 2, 0, 0]])
    values = score(one, other).values
    assert values["present_miou_per_image"] == pytest.approx(((1 + 1 / 2) / 2 + 1) / 2)
    assert values["present_miou_pooled"] == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)
    assert values["present_miou_pooled"] == values["miou"]
    assert values["absent_rate"] == 1 / 8


@few
@given(ignoring, st.randoms())
def test_order_of_images_changes_nothing(drawn, random):
    images = [(f"image {i}", *sides) for i, sides in enumerate(drawn)]
    shuffled = random.sample(images, len(images))
    one, other = (
        score_semantic(each, NAMES, measured_on="real", ignore=IGNORED)
        for each in (images, shuffled)
    )
    left = {"images", "warnings"}
    assert one.model_dump(exclude=left) == other.model_dump(exclude=left)


@few
@given(pair(true=(0, 1, 2, 3, IGNORED)), st.integers(0, 5), st.integers(0, 5))
def test_tiles_of_an_image_pool_to_the_whole(drawn, y, x):
    tiles = [
        tuple(side[rows, columns] for side in drawn)
        for rows in (slice(None, y), slice(y, None))
        for columns in (slice(None, x), slice(x, None))
    ]
    whole, tiled = score(drawn, ignore=IGNORED), score(*tiles, ignore=IGNORED)
    assert tiled.confusion == whole.confusion
    assert tiled.objects == whole.objects
    pooled = [n for n in whole.values if not n.startswith(("present_miou_per", "absent", "bound"))]
    assert len(pooled) in (0, 4, 6, 7)
    for name in pooled:
        assert tiled.values[name] == whole.values[name]


@few
@given(pair(true=(0, 1, 2, IGNORED), given=(0, 1, 2)), st.integers(0, 2))
def test_what_was_predicted_on_ignored_pixels_changes_nothing(drawn, other):
    true, given_ = drawn
    changed = np.where(true == IGNORED, other, given_)
    assert score((true, changed), ignore=IGNORED) == score((true, given_), ignore=IGNORED)


def test_unknown_pixels_leave_all_counts_whatever_is_ignored():
    true = np.array([[-1, 0, 1, 9]], np.int32)
    given_ = np.array([[77, 0, 0, 78]], np.uint8)  # no class has these, but nobody asks
    scores = score((true, given_), ignore=9)
    assert scores.objects == 2
    assert scores.values["pixel_accuracy"] == 0.5
    assert scores.caption() == "measured on 2 true pixels (masks) of the real image 0"


def test_an_ignored_class_is_not_scored_but_does_not_excuse_others():
    true, given_ = np.array([[0, 1, 1, 2, 2]]), np.array([[0, 1, 2, 2, 1]])
    scores = score((true, given_), names={1: "cell", 2: "crystal"}, ignore=2)
    assert scores.objects == 3
    assert list(scores.per_class) == list(scores.confusion) == ["background", "cell"]
    assert scores.confusion["cell"] == {"background": 0, "cell": 1, "crystal": 1}
    assert scores.per_class["cell"]["recall"] == 0.5
    assert scores.per_class["cell"]["precision"] == 1
    assert scores.values["miou"] == pytest.approx((1 + 1 / 2) / 2)
    assert scores.values["absent_rate"] == 0


def test_the_background_may_have_another_name():
    true, given_ = np.array([[0, 0, 1]]), np.array([[0, 1, 1]])
    values = score((true, given_), names={1: "cell"}).values
    assert values["miou_foreground"] == 0.5
    named = score((true, given_), names={1: "cell", 0: "rest"})
    assert list(named.per_class) == ["rest", "cell"]
    assert named.values == values


def test_empty_truth_is_scored_by_its_background():
    scores = score((np.zeros((4, 4), int), np.eye(4, dtype=int)), names={1: "cell"})
    assert scores.values["present_miou_pooled"] == 12 / 16
    assert scores.values["miou_foreground"] == 0
    assert "present_miou_pooled_foreground" not in scores.values
    assert "present_miou_per_image_foreground" not in scores.values
    text = " ".join(scores.warnings)
    assert "one class only, 'background'" in text
    assert "1 image(s) hold no true pixel but background" in text
    assert "no boundary" in text


def test_empty_truth_found_empty_is_perfect_and_has_no_foreground():
    scores = score((np.zeros((4, 4), int), np.zeros((4, 4), int)), names={1: "cell"})
    assert scores.values == {
        "miou": 1, "present_miou_per_image": 1, "present_miou_pooled": 1, "absent_rate": 0,
        "dice": 1, "pixel_accuracy": 1, "boundary_tolerance": 2,
    }  # fmt: skip
    assert scores.per_class["cell"] == {"share_true": 0, "share_predicted": 0}
    assert "Class 'cell' has neither a true nor a predicted pixel" in scores.warnings[0]


@pytest.mark.parametrize("truth", [np.full((3, 3), IGNORED), np.full((3, 3), -1), np.zeros((0, 3))])
def test_nothing_to_count_is_said(truth):
    scores = score((truth.astype(int), np.ones(truth.shape, int)), ignore=IGNORED)
    assert (scores.objects, scores.values, scores.per_class) == (0, {}, {})
    assert scores.warnings == (
        "No pixel counts: the truth is empty, or ignored everywhere. Nothing was measured.",
    )


def test_an_image_without_a_pixel_that_counts_changes_no_value():
    real = np.array([[0, 1]]), np.array([[0, 0]])
    nothing = np.array([[IGNORED]]), np.array([[1]])
    both = score(real, nothing, ignore=IGNORED)
    assert both.values == score(real, ignore=IGNORED).values
    assert "1 image(s) have no true pixel that counts, such as 'image 1'" in both.warnings[0]


@pytest.mark.parametrize(
    ("truth", "given_", "told"),
    [
        ([[0, 1]], [[0], [1]], r"'image 0': the truth has the shape \(1, 2\), .* \(2, 1\)"),
        ([[0, 1]], [[0, 9]], r"prediction of image 'image 0' holds the value 9 at \(0, 1\)"),
        ([[0, 1]], [[0, -1]], r"prediction of image 'image 0' holds the value -1"),
        ([[0, 9]], [[0, 1]], "truth of image 'image 0' holds the value 9.*or ignore the value"),
        ([[0, 1]], [[0.5, 1]], "prediction of image 'image 0' has the type float64"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused(truth, given_, told):
    with pytest.raises(InputError, match=told):
        score((truth, given_))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"names": {1: "cell", 2: "cell"}}, "Two class values are called 'cell'"),
        ({"names": {1: "background"}}, "Two class values are called 'background'"),
        ({"names": {-1: "cell"}}, "stands for unknown"),
        ({"tolerance": -1.0}, "is no distance"),
        ({"tolerance": float("nan")}, "is no distance"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, told):
    with pytest.raises(InputError, match=told):
        score((np.zeros((2, 2), int), np.zeros((2, 2), int)), **options)


def test_no_image_is_refused():
    with pytest.raises(InputError, match="no image to score"):
        score()


types = st.sampled_from([np.bool_, np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])


@given(
    types.flatmap(lambda t: hnp.arrays(t, st.integers(1, 20))),
    st.lists(st.integers(-130, 300), min_size=1, max_size=5, unique=True).map(sorted),
    st.sets(st.integers(-2, 3), max_size=2),
)
def test_places_of_values_of_any_type(array, values, ignored):
    places = place_of(array, values, ignored)
    for element, place in zip(array.tolist(), places.tolist(), strict=True):
        if int(element) in ignored:
            assert place == len(values) + 1
        else:
            known = int(element) in values
            assert place == (values.index(int(element)) if known else len(values))


def test_the_largest_of_all_values_are_not_taken_for_unknown():
    largest = np.array([2**64 - 1, 2**63, 1], np.uint64)  # -1 and less as signed numbers
    assert place_of(largest, [1], [-1]).tolist() == [1, 1, 0]


def test_images_of_several_parts_are_counted_whole():
    rng = np.random.default_rng(1)
    true, given_ = rng.integers(0, 4, (2, 2, BLOCK_PIXELS + 7)).astype(np.uint8)
    scores = score((true.T, given_.T))  # not contiguous
    assert scores.objects == 2 * (BLOCK_PIXELS + 7)
    assert scores.values["pixel_accuracy"] == np.mean(true == given_)


def test_volumes_are_scored_like_images():
    true = np.zeros((3, 4, 5), int)
    true[1, 1:3, 1:4] = 1
    scores = score((true, true), names={1: "cell"})
    assert scores.values["boundary_f1"] == scores.values["miou"] == 1
    assert scores.objects == 60


def test_scores_with_a_confusion_matrix_are_read_back_and_old_ones_load():
    scores = score(([[0, 1]], [[1, 1]]), names={1: "cell"})
    assert Scores.model_validate_json(scores.model_dump_json()) == scores
    old = scores.model_dump(exclude={"confusion"})
    assert Scores.model_validate(old).confusion == {}
