import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, InstanceLabels
from napari_synthseg.metrics.instance import THRESHOLDS, match_instances, score_instances

NAMES = {1: "cell", 2: "crystal"}
RATIOS = ("f1", "precision", "recall", "matching_ap", "matching_ap_mean")
ids = hnp.arrays(np.int32, (8, 9), elements=st.integers(0, 6))


@st.composite
def labels(draw):
    array = draw(ids)
    return InstanceLabels(array, {i: draw(st.sampled_from((1, 2))) for i in range(1, 7)})


def score(*pairs, names=NAMES, **kwargs):
    named = [(f"image {i}", *pair) for i, pair in enumerate(pairs)]
    return score_instances(named, names, measured_on="synthetic", **kwargs)


def discs(seed, count=40, shape=(160, 160), shift=2):
    """Return touching discs and the same discs, some moved, some lost, some new."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    true, predicted = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for i in range(1, count + 1):
        (cy, cx), r = rng.uniform(0, shape), rng.uniform(5, 11)
        true[(y - cy) ** 2 + (x - cx) ** 2 < r**2] = i
        (dy, dx), scale = rng.normal(0, shift, 2), rng.uniform(0.8, 1.2)
        if rng.random() < 0.85:
            predicted[(y - cy - dy) ** 2 + (x - cx - dx) ** 2 < (r * scale) ** 2] = i
    return true, predicted


# --- properties ------------------------------------------------------------------------------


@given(labels())
def test_perfect_prediction_scores_one(truth):
    values = score((truth, truth)).values
    assert values.pop("count_error") == 0.0
    assert set(values.values()) == {1.0}


@given(labels(), labels(), st.permutations(range(1, 7)))
def test_numbering_changes_nothing(truth, predicted, order):
    table = np.array([0, *order], np.int32)
    renumbered = InstanceLabels(
        table[predicted.ids], {order[i - 1]: c for i, c in predicted.classes.items()}
    )
    assert score((truth, predicted)) == score((truth, renumbered))


@given(labels(), labels())
def test_swapping_the_roles_swaps_precision_and_recall(truth, predicted):
    one, other = score((truth, predicted)).values, score((predicted, truth)).values
    for t in THRESHOLDS:
        assert one[f"precision@{t}"] == other[f"recall@{t}"]
        for name in ("f1", "f1_any_class", "matching_ap", "matching_ap_mean"):
            assert one[f"{name}@{t}"] == other[f"{name}@{t}"]
    assert one["dice"] == other["dice"]


@given(labels(), labels())
def test_values_stay_in_bounds_and_fall_with_the_threshold(truth, predicted):
    values = score((truth, predicted)).values
    assert all(np.isfinite(v) for v in values.values())
    assert all(0 <= v <= 1 for name, v in values.items() if name != "count_error")
    assert values["count_error"] >= 0
    for name in RATIOS:
        assert values[f"{name}@0.5"] >= values[f"{name}@0.7"] >= values[f"{name}@0.8"]


@given(labels(), labels())
def test_classes_can_only_lower_the_score(truth, predicted):
    values = score((truth, predicted)).values
    assert values["f1@0.5"] <= values["f1_any_class@0.5"]


@given(ids, ids, st.sampled_from((0.1, 0.3, 0.5, 0.7)))
def test_no_object_is_matched_twice_and_all_overlap_enough(true, predicted, threshold):
    pairs = match_instances(true, predicted, threshold)
    assert len(pairs) == len({t for t, _ in pairs}) == len({p for _, p in pairs})
    for one, other in pairs:
        ours, theirs = true == one, predicted == other
        assert (ours & theirs).sum() / (ours | theirs).sum() > threshold


# --- definitions -----------------------------------------------------------------------------


def test_counts_are_pooled_over_images():
    full = InstanceLabels(np.array([[1, 2, 3, 0]]), {1: 1, 2: 1, 3: 1})
    one = InstanceLabels(np.array([[1, 0, 0, 0]]), {1: 1})
    none = InstanceLabels(np.array([[0, 0, 0, 0]]))
    values = score((full, full), (one, none), names={1: "cell"}).values
    assert values["recall@0.5"] == 3 / 4
    assert values["matching_ap@0.5"] == 3 / 4
    assert values["matching_ap_mean@0.5"] == 1 / 2
    assert values["f1@0.5"] == 6 / 7
    assert values["count_error"] == 1 / 4
    assert values["dice"] == 6 / 7


def test_empty_images_do_not_lift_the_mean_over_images():
    none = InstanceLabels(np.zeros((1, 4), np.int32))
    one = InstanceLabels(np.array([[1, 0, 0, 0]]), {1: 1})
    assert score((none, none), (one, none), names={1: "cell"}).values["matching_ap_mean@0.5"] == 0


def test_a_wrong_class_is_missed_in_one_and_false_in_the_other():
    ids = np.array([[1, 1, 0, 2, 2]])
    scores = score((InstanceLabels(ids, {1: 1, 2: 2}), InstanceLabels(ids, {1: 1, 2: 1})))
    assert scores.per_class["cell"]["precision@0.5"] == 1 / 2
    assert scores.per_class["cell"]["recall@0.5"] == 1
    assert scores.per_class["crystal"]["f1@0.5"] == 0
    assert scores.values["f1@0.5"] == 1 / 2
    assert scores.values["f1_any_class@0.5"] == 1
    assert scores.values["count_error"] == 2 / 2
    assert scores.values["dice"] == 1
    assert scores.per_class["crystal"]["dice"] == 0


@pytest.mark.parametrize(
    ("true", "predicted", "ratio", "count_error"),
    [([0, 0], [0, 0], 1.0, 0.0), ([0, 0], [1, 2], 0.0, 2.0), ([1, 2], [0, 0], 0.0, 1.0)],
)
def test_nothing_on_a_side_is_defined(true, predicted, ratio, count_error):
    values = score(
        (InstanceLabels(np.array(true)), InstanceLabels(np.array(predicted))), names={1: "cell"}
    ).values
    assert values.pop("count_error") == count_error
    assert set(values.values()) == {ratio}


def test_a_class_that_never_occurs_is_left_out_and_named():
    one = InstanceLabels(np.array([[1, 0]]), {1: 1})
    scores = score((one, one))
    assert set(scores.per_class) == {"cell"}
    assert any("'crystal'" in warning for warning in scores.warnings)


def test_scores_say_what_they_were_measured_on():
    one = InstanceLabels(np.array([[1, 2]]), {1: 1, 2: 1})
    scores = score((one, one), names={1: "cell"})
    assert (scores.task, scores.measured_on, scores.objects) == ("", "synthetic", 2)
    assert scores.images == ("image 0",)
    assert "2 true objects (masks) of the synthetic image 0" in scores.caption()


def test_volumes_are_scored_too():
    volume = np.zeros((3, 4, 5), np.int32)
    volume[1:, 1:3, 1:4] = 4
    values = score((InstanceLabels(volume), InstanceLabels(volume)), names={1: "cell"}).values
    assert values["f1@0.8"] == 1


def test_bad_input_names_the_image():
    one = InstanceLabels(np.array([[1, 0]]), {1: 1})
    with pytest.raises(InputError, match=r"'image 0'.*same pixels"):
        score((one, InstanceLabels(np.zeros((2, 2), np.int32))))
    with pytest.raises(InputError, match=r"'image 0'.*the prediction holds class 9"):
        score((one, InstanceLabels(one.ids, {1: 9})))
    with pytest.raises(InputError, match="no image"):
        score()


# --- peers -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=3))
def test_agrees_with_stardist(seeds):
    peer = pytest.importorskip("stardist.matching", reason="stardist is not installed")
    pairs = [discs(seed) for seed in seeds]
    values = score(
        *((InstanceLabels(t), InstanceLabels(p)) for t, p in pairs), names={1: "cell"}
    ).values
    for t in THRESHOLDS:
        # They count IoU >= t in float32, we count IoU > t.
        pooled = peer.matching_dataset(
            [t_ for t_, _ in pairs],
            [p for _, p in pairs],
            thresh=np.nextafter(np.float32(t), 1),
            show_progress=False,
        )
        assert np.isclose(values[f"f1@{t}"], pooled.f1)
        assert np.isclose(values[f"precision@{t}"], pooled.precision)
        assert np.isclose(values[f"recall@{t}"], pooled.recall)
        assert np.isclose(values[f"matching_ap@{t}"], pooled.accuracy)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from((0.1, 0.3)))
def test_low_thresholds_agree_with_stardist(seed, threshold):
    peer = pytest.importorskip("stardist.matching", reason="stardist is not installed")
    true, predicted = discs(seed, count=80, shift=5)
    theirs = peer.matching(true, predicted, thresh=np.nextafter(np.float32(threshold), 1))
    assert len(match_instances(true, predicted, threshold)) == theirs.tp


def test_dice_agrees_with_scikit_learn():
    peer = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    true, predicted = discs(3)
    values = score((InstanceLabels(true), InstanceLabels(predicted)), names={1: "cell"}).values
    assert np.isclose(values["dice"], peer.f1_score(true.ravel() > 0, predicted.ravel() > 0))


def test_dice_agrees_with_torchmetrics():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    peer = pytest.importorskip(
        "torchmetrics.functional.classification", reason="torchmetrics is not installed"
    )
    true, predicted = discs(4)
    theirs = peer.binary_f1_score(torch.from_numpy(predicted > 0).int(), torch.from_numpy(true > 0))
    values = score((InstanceLabels(true), InstanceLabels(predicted)), names={1: "cell"}).values
    assert np.isclose(values["dice"], float(theirs))


def test_dice_agrees_with_monai():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    peer = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
    true, predicted = (torch.from_numpy(a > 0)[None, None] for a in discs(5))
    theirs = peer.compute_dice(predicted, true, include_background=True)
    truth, prediction = (InstanceLabels(a) for a in discs(5))
    values = score((truth, prediction), names={1: "cell"}).values
    assert np.isclose(values["dice"], theirs.item())


def test_what_lies_where_the_truth_is_unknown_does_not_count():
    true, predicted = np.zeros((20, 30), np.int32), np.zeros((20, 30), np.int32)
    true[2:8, 2:8], true[10:16, 2:8] = 1, 2
    predicted[2:8, 2:8], predicted[10:16, 2:8] = 1, 2
    predicted[2:8, 18:26] = 3  # mostly where nothing is known
    predicted[10:16, 12:20] = 4  # false, and cut where nothing is known
    true[:, 20:] = UNKNOWN
    found = score((InstanceLabels(true), InstanceLabels(predicted)), names={1: "cell"})
    assert (found.objects, found.values["f1@0.8"]) == (2, pytest.approx(4 / 5))
    assert found.values["count_error"] == pytest.approx(0.5)
    assert found.values["dice"] == pytest.approx(2 * 72 / (72 + 72 + 48))


def test_an_image_on_which_objects_of_a_class_are_missing_does_not_count_for_it():
    true, predicted = np.zeros((20, 30), np.int32), np.zeros((20, 30), np.int32)
    true[2:8, 2:8], true[10:16, 2:8] = 1, 2
    predicted[2:8, 2:8], predicted[10:16, 2:8], predicted[2:8, 12:18] = 1, 2, 3
    found = InstanceLabels(predicted, {1: 1, 2: 2, 3: 1})
    whole = InstanceLabels(true, {1: 1, 2: 2})
    some = InstanceLabels(true, {1: 1, 2: 2}, incomplete=frozenset({1}))
    names = {1: "cell", 2: "nucleus"}
    alone = score((some, found), names=names)
    assert (alone.objects, alone.values["precision@0.5"]) == (1, 1)
    assert alone.values["dice"] == alone.values["f1_any_class@0.5"] == 1
    assert alone.per_class["cell"]["recall@0.5"] == 1
    assert "precision@0.5" not in alone.per_class["cell"]
    assert "Not every object of class 'cell' is marked" in alone.warnings[0]
    both = score((some, found), (whole, found), names=names)
    assert both.values["precision@0.5"] == pytest.approx(3 / 4)
    assert both.per_class["cell"]["precision@0.5"] == pytest.approx(1 / 2)
    assert "marked on 1 of 2 images, which do not count for it" in both.warnings[0]
    with pytest.raises(InputError, match="No class is left"):
        score(
            (InstanceLabels(true, whole.classes, incomplete=frozenset({1, 2})), found), names=names
        )
