"""Detection is scored as COCO scores it; faster-coco-eval is the oracle."""

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.boxes import Boxes, find_overlaps, measure_box_iou
from napari_synthseg.core.errors import InputError
from napari_synthseg.metrics.detection import match_boxes, score_boxes

NAMES = {1: "cell", 2: "crystal", 3: "cast"}
NO_BOX = Boxes.of([])


def score(*pairs, names=NAMES, **options):
    named = [(f"image {i}", *pair) for i, pair in enumerate(pairs)]
    return score_boxes(named, names, measured_on="real", **options)


def coco_ap(pairs, limit):
    """Return class value -> (AP50, AP 50:95) by the oracle; NaN where there is no true box."""

    def record(boxes, image, first):
        for i, ((y, x, bottom, right), cls, sure) in enumerate(
            zip(boxes.corners.tolist(), boxes.classes.tolist(), boxes.scores.tolist(), strict=True)
        ):
            width, height = right - x, bottom - y
            yield {"id": first + i, "image_id": image, "category_id": cls, "score": sure,
                   "bbox": [x, y, width, height], "area": width * height, "iscrowd": 0}  # fmt: skip

    true, predicted = [], []
    for image, (mine, theirs) in enumerate(pairs, start=1):
        true += record(mine, image, len(true) + 1)
        predicted += record(theirs, image, len(predicted) + 1)
    images = [{"id": i, "width": 64, "height": 64} for i in range(1, len(pairs) + 1)]
    categories = [{"id": value, "name": name} for value, name in NAMES.items()]
    coco = COCO({"images": images, "annotations": true, "categories": categories})
    oracle = COCOeval_faster(coco, coco.loadRes(predicted), "bbox", print_function=lambda *_: None)
    oracle.params.maxDets = [limit]
    oracle.evaluate()
    oracle.accumulate()
    precision = oracle.eval["precision"]  # IoU, recall, class, range of areas, limit
    ap = np.where(precision < 0, np.nan, precision)[:, :, :, 0, -1].mean(axis=1)
    return {v: (ap[0, k], ap[:, k].mean()) for k, v in enumerate(sorted(NAMES))}


def check_against_coco(pairs, limit=None):
    scores = score(*pairs, max_detections=limit)
    expected = coco_ap(pairs, limit or 10_000)
    for value, (at_half, over_all) in expected.items():
        ours = scores.per_class.get(NAMES[value], {})
        if np.isnan(at_half):
            assert "ap@0.5" not in ours
        else:
            assert ours["ap@0.5"] == pytest.approx(at_half, abs=1e-6)
            assert ours["ap@0.5:0.95"] == pytest.approx(over_all, abs=1e-6)
    defined = [pair for pair in expected.values() if not np.isnan(pair[0])]
    if defined:
        means = np.mean(defined, axis=0)
        ours = scores.values["ap@0.5"], scores.values["ap@0.5:0.95"]
        assert ours == pytest.approx(tuple(means), abs=1e-6)
    else:
        assert "ap@0.5" not in scores.values


@st.composite
def many_boxes(draw):
    """Draw boxes on a coarse grid, so that equal boxes, equal scores and empty boxes occur."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 3), st.integers(0, 3), st.integers(0, 4), st.integers(0, 4),
                st.integers(1, 3), st.sampled_from([0.25, 0.5, 0.75, 1.0]),
            ),
            max_size=9,
        )
    )  # fmt: skip
    corners = [(y, x, y + height, x + width) for y, x, height, width, _, _ in rows]
    return Boxes.of(corners, [row[4] for row in rows] or 1, [row[5] for row in rows] or 1.0)


@given(st.lists(st.tuples(many_boxes(), many_boxes()), min_size=1, max_size=4))
def test_average_precision_is_that_of_coco_where_all_is_degenerate(pairs):
    check_against_coco(pairs)


@given(st.lists(st.tuples(many_boxes(), many_boxes()), min_size=1, max_size=3), st.integers(1, 4))
def test_a_limit_of_detections_is_that_of_coco(pairs, limit):
    check_against_coco(pairs, limit)


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_that_of_coco_on_noisy_detections(seed):
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(12):
        start = rng.uniform(0, 50, (rng.integers(0, 25), 2))
        true = np.hstack([start, start + rng.uniform(3, 14, start.shape)])
        classes = rng.integers(1, 4, len(true))
        moved = np.repeat(true, 2, axis=0) + rng.normal(0, 1, (2 * len(true), 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2])
        found = rng.random(len(moved)) < 0.8
        pairs.append(
            (
                Boxes.of(true, classes),
                Boxes.of(moved[found], np.repeat(classes, 2)[found], rng.random(found.sum())),
            )
        )
    check_against_coco(pairs)
    check_against_coco(pairs, limit=7)


def test_every_degenerate_side_agrees_with_coco():
    some = Boxes.of([(0, 0, 4, 4), (8, 8, 12, 14)], [1, 2], [0.5, 0.5])
    for pairs in ([(some, NO_BOX)], [(NO_BOX, some)], [(NO_BOX, NO_BOX)], [(some, some)] * 3):
        check_against_coco(pairs)


@given(many_boxes(), many_boxes())
def test_matching_is_one_to_one_and_falls_with_the_threshold(true, predicted):
    hits = match_boxes(true, predicted.ranked(), [0.3, 0.5, 0.9])
    counts = hits.sum(axis=1)
    assert counts[0] >= counts[1] >= counts[2]
    assert counts[0] <= min(len(true), len(predicted))
    iou = measure_box_iou(predicted.ranked().corners, true.corners)
    assert not hits[:, iou.max(axis=1, initial=0.0) < 0.3].any()


@given(many_boxes(), many_boxes(), st.integers(1, 9))
def test_matching_in_blocks_changes_nothing(true, predicted, block):
    whole = match_boxes(true, predicted.ranked(), [0.3, 0.5])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_synthseg.core.boxes.BOXES_AT_ONCE", block)
        assert np.array_equal(whole, match_boxes(true, predicted.ranked(), [0.3, 0.5]))


def match_all_with_all(true, ranked, thresholds):
    """Match as COCO does, comparing each box with each."""
    least = np.minimum(thresholds, 1.0 - 1e-10)
    iou = measure_box_iou(ranked.corners, true.corners)
    hits = np.zeros((len(least), len(ranked)), bool)
    for n, threshold in enumerate(least):
        free = np.ones(len(true), bool)
        for box in range(len(ranked)):
            offered = np.where(free, iou[box], 0.0)[::-1]
            if len(true) and offered.max() >= threshold:
                hits[n, box] = True
                free[len(true) - 1 - offered.argmax()] = False
    return hits


@st.composite
def crowded_boxes(draw):
    """Boxes on a coarse grid of half pixels, so that many overlap as much as others."""
    edge = st.integers(0, 8).map(lambda n: n / 2)
    rows = draw(st.lists(st.tuples(edge, edge, edge, edge), max_size=12))
    corners = [(y, x, y + high, x + wide) for y, x, high, wide in rows]
    scores = draw(st.lists(st.sampled_from([0.2, 0.7]), min_size=len(rows), max_size=len(rows)))
    return Boxes.of(corners, 1, scores or 1.0)


@given(many_boxes() | crowded_boxes(), many_boxes() | crowded_boxes())
def test_matching_is_that_of_all_boxes_with_all(true, predicted):
    thresholds = [0.05, 0.3, 0.5, 0.75, 1.0]
    ranked = predicted.ranked()
    expected = match_all_with_all(true, ranked, thresholds)
    assert np.array_equal(match_boxes(true, ranked, thresholds), expected)
    dense = measure_box_iou(ranked.corners, true.corners)
    for least in (0.01, 0.5, 0.9):
        one, other, iou = find_overlaps(ranked.corners, true.corners, least)
        assert {*zip(one.tolist(), other.tolist(), strict=True)} == {
            *map(tuple, np.argwhere(dense >= least).tolist())
        }
        assert np.array_equal(iou, dense[one, other])


def test_many_objects_are_matched_in_seconds():
    """Comparing each with each would take minutes."""
    y, x = (7.0 * np.arange(200)[a] for a in np.indices((200, 200)).reshape(2, -1))
    true = Boxes.of(np.stack([y, x, y + 3, x + 3], axis=1))
    predicted = Boxes.of(np.add(true.corners, (0, 0, 0, 1)), 1, np.linspace(0, 1, len(true)))
    hits = match_boxes(true, predicted.ranked(), [0.7, 0.8])
    assert hits.sum(axis=1).tolist() == [40000, 0]


@pytest.mark.parametrize("second", [-2, 4])
def test_of_two_objects_that_a_box_overlaps_as_much_it_takes_that_of_coco(second):
    """Which of them is left decides whether the second box finds one."""
    true = Boxes.of([(0, 0, 8, 8), (2, 0, 10, 8)])
    predicted = Boxes.of([(1, 0, 9, 8), (second, 0, second + 8, 8)], 1, [0.9, 0.8])
    check_against_coco([(true, predicted)])


def test_the_surer_box_takes_the_object():
    true = Boxes.of([(0, 0, 10, 10)])
    predicted = Boxes.of([(0, 0, 10, 10), (0, 0, 10, 9)], 1, [0.4, 0.9])
    scores = score((true, predicted))
    assert match_boxes(true, predicted.ranked(), 0.5).tolist() == [[True, False]]
    assert (scores.values["found"], scores.values["false"]) == (1, 1)
    assert scores.values["ap@0.5"] == 1.0
    assert scores.values["ap@0.5:0.95"] == pytest.approx((9 * 1.0 + 0.5) / 10)


def test_half_of_the_union_is_enough_as_for_coco():
    assert score((Boxes.of([(0, 0, 2, 1)]), Boxes.of([(0, 0, 1, 1)]))).values["f1@0.5"] == 1.0


def test_counts_are_pooled_over_images_and_taken_at_the_threshold():
    true = Boxes.of([(0, 0, 9, 9), (20, 20, 29, 29)], [1, 2])
    predicted = Boxes.of(
        [(0, 0, 9, 9), (40, 40, 49, 49), (20, 20, 29, 29)], [1, 1, 2], [0.9, 0.6, 0.2]
    )
    scores = score((true, predicted), (true, NO_BOX), threshold=0.6)
    values = scores.values
    assert (values["found"], values["missed"], values["false"]) == (1, 3, 1)
    assert values["precision@0.5"] == 1 / 2
    assert values["recall@0.5"] == 1 / 4
    assert values["f1@0.5"] == pytest.approx(2 / 6)
    assert values["at_score"] == 0.6
    assert scores.per_class["crystal"]["recall@0.5"] == 0.0
    # ranking looks below the threshold: the crystal counts there
    assert scores.per_class["crystal"]["ap@0.5"] == pytest.approx(51 / 101)
    assert (scores.task, scores.objects) == ("", 4)


def test_candidates_are_ranked_and_predicted_boxes_are_counted():
    true = Boxes.of([(0, 0, 9, 9)])
    weak = Boxes.of([(0, 0, 9, 9)], 1, 0.1)
    scores = score((true, NO_BOX), (true, weak), candidates={"image 0": weak})
    assert scores.values["recall@0.5"] == 1 / 2
    assert scores.values["ap@0.5"] == pytest.approx(51 / 101)
    assert "at_score" not in scores.values


def test_a_class_of_incomplete_truth_is_kept_out_and_warned_of():
    true = Boxes.of([(0, 0, 9, 9), (20, 20, 29, 29)], [1, 2])
    extra = [(40, 40, 49, 49), (60, 60, 69, 69)]
    predicted = Boxes.of([*true.corners, *extra], [1, 2, 1, 1], 0.5)
    scores = score((true, predicted), names={1: "cell", 2: "crystal"}, incomplete_classes=["cell"])
    assert scores.values["f1@0.5"] == scores.values["ap@0.5"] == 1.0
    assert scores.objects == 1
    assert scores.per_class["cell"] == {"f1@0.5": 1 / 2, "recall@0.5": 1.0, "found": 1, "missed": 0}
    (warning,) = scores.warnings
    assert "Not every object of class 'cell' is marked" in warning


def test_a_class_without_truth_has_no_average_precision():
    scores = score((Boxes.of([(0, 0, 9, 9)]), Boxes.of([(0, 0, 9, 9)] * 2, [1, 2])))
    assert "ap@0.5" not in scores.per_class["crystal"]
    assert scores.per_class["crystal"]["false"] == 1
    assert scores.values["ap@0.5"] == 1.0
    assert "cast" not in scores.per_class
    assert any("'crystal' has no true box" in w and "its 1 predicted" in w for w in scores.warnings)


@given(many_boxes(), many_boxes(), st.integers(-5, 5), st.sampled_from([0.5, 2.0, 8.0]))
def test_moving_and_scaling_both_sides_changes_nothing(true, predicted, shift, scale):
    def moved(boxes):
        return Boxes.of(boxes.corners * scale + shift, boxes.classes, boxes.scores)

    assert score((true, predicted)).values == score((moved(true), moved(predicted))).values


@pytest.mark.parametrize(
    ("corners", "scores", "message"),
    [
        ([(0, 0, 1)], 1.0, "shape"),
        ([(0, 0, np.nan, 1)], 1.0, "finite"),
        ([(5, 0, 1, 4)], 1.0, "ends before it begins"),
        ([(0, 0, 1, 1)], np.nan, "scores of boxes"),
    ],
)
def test_boxes_that_cannot_be_are_refused(corners, scores, message):
    with pytest.raises(InputError, match=message):
        Boxes.of(corners, 1, scores)


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(InputError, match="no image"):
        score()
    with pytest.raises(InputError, match="'image 0' holds class 9"):
        score((NO_BOX, Boxes.of([(0, 0, 1, 1)], 9)))
    with pytest.raises(InputError, match="'dust' is not among"):
        score((NO_BOX, NO_BOX), incomplete_classes=["dust"])
    with pytest.raises(InputError, match="No class is left"):
        score((NO_BOX, NO_BOX), names={1: "cell"}, incomplete_classes=["cell"])
