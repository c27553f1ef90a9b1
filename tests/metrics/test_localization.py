import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from napari_synthseg.core.errors import InputError
from napari_synthseg.metrics.localization import Centers, match_centers, score_centers

NAMES = {1: "cell", 2: "crystal"}
DIAMETERS = {1: 10.0, 2: 20.0}
points = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 12), st.just(2)),
    elements=st.floats(0, 30, allow_nan=False, width=32),
)


def score(*pairs, **kwargs):
    named = [(f"image {i}", *pair) for i, pair in enumerate(pairs)]
    return score_centers(named, NAMES, DIAMETERS, measured_on="real", **kwargs)


@given(points, points, st.floats(0.5, 15))
def test_matching_is_optimal(true, predicted, radius):
    rows, columns = match_centers(true, predicted, radius)
    assert np.unique(rows).size == np.unique(columns).size == rows.size
    distance = cdist(true, predicted)
    worth = np.where(distance <= radius, 1000.0 - distance, 0.0)
    best = worth[linear_sum_assignment(worth, maximize=True)]
    assert rows.size == np.count_nonzero(best)
    ours = distance[rows, columns]
    assert (ours <= radius).all()
    assert np.isclose(ours.sum(), (1000.0 - best[best > 0]).sum(), atol=1e-6)


@given(points, st.randoms(use_true_random=False))
def test_perfect_centers_are_all_found_in_any_order(true, random):
    order = list(range(len(true)))
    random.shuffle(order)
    values = score((Centers.of(true), Centers.of(true[order]))).values
    assert (values["found"], values["missed"], values["false"]) == (len(true), 0, 0)
    assert values["f1"] == values["precision"] == values["recall"] == 1.0


@given(points, points)
def test_swapping_the_roles_swaps_missed_and_false(true, predicted):
    one = score((Centers.of(true), Centers.of(predicted))).values
    other = score((Centers.of(predicted), Centers.of(true))).values
    assert one["missed"] == other["false"]
    assert one["precision"] == other["recall"]
    assert one["f1"] == other["f1"]
    assert all(0 <= one[name] <= 1 for name in ("precision", "recall", "f1"))


def test_half_a_diameter_is_the_limit_and_classes_count():
    true = Centers.of([[10, 10], [50, 50]], [1, 2])
    predicted = Centers.of([[15, 10], [60, 50]], [1, 2])
    assert score((true, predicted)).values["found"] == 2
    assert score((true, Centers.of([[15.1, 10], [60.1, 50]], [1, 2]))).values["found"] == 0
    swapped = score((true, Centers.of(predicted.positions, [2, 1])))
    assert swapped.values["found"] == 0
    assert swapped.per_class["cell"] == {
        "found": 0, "missed": 1, "false": 1, "precision": 0, "recall": 0, "f1": 0,
    }  # fmt: skip


def test_one_center_finds_one_object():
    values = score((Centers.of([[10, 8], [10, 12]]), Centers.of([[10, 10]]))).values
    assert (values["found"], values["missed"], values["false"]) == (1, 1, 0)


def test_empty_sides_are_defined():
    some, none = Centers.of([[1, 1]]), Centers.of([])
    assert score((none, none)).values["f1"] == 1
    assert score((some, none)).values["f1"] == 0
    assert score((none, some)).values["precision"] == 0


def test_false_positives_on_an_incomplete_image_carry_a_warning():
    some, none = Centers.of([[1, 1]]), Centers.of([])
    assert not score((some, some), incomplete=["image 0"]).warnings
    assert "'image 1'" in score((some, some), (none, some), incomplete=["image 1"]).warnings[0]


def test_bad_input_is_named():
    with pytest.raises(InputError, match="'image 0' holds class 7"):
        score((Centers.of([[1, 1]], 7), Centers.of([])))
    with pytest.raises(InputError, match="finite"):
        Centers.of([[1, np.nan]])
    with pytest.raises(InputError, match="no image"):
        score()
    with pytest.raises(InputError, match="'cell' has no diameter"):
        score_centers([("a", Centers.of([]), Centers.of([]))], {1: "cell"}, {}, measured_on="real")
