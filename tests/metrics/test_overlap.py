import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from napari_synthseg.core.errors import InputError
from napari_synthseg.metrics.assignment import assign
from napari_synthseg.metrics.overlap import measure_overlap

ids = hnp.arrays(np.int32, (6, 7), elements=st.integers(0, 5))


@given(ids, ids)
def test_overlap_equals_brute_force(true, predicted):
    overlap = measure_overlap(true, predicted)
    assert overlap.true_ids.tolist() == sorted(set(true.ravel().tolist()) - {0})
    assert overlap.true_areas.tolist() == [(true == i).sum() for i in overlap.true_ids]
    assert overlap.predicted_areas.tolist() == [
        (predicted == i).sum() for i in overlap.predicted_ids
    ]
    found = {
        (overlap.true_ids[r], overlap.predicted_ids[c]): (n, iou)
        for r, c, n, iou in zip(
            overlap.rows, overlap.columns, overlap.shared, overlap.iou, strict=True
        )
    }
    for i in overlap.true_ids:
        for j in overlap.predicted_ids:
            shared = ((true == i) & (predicted == j)).sum()
            union = ((true == i) | (predicted == j)).sum()
            if shared:
                assert found.pop((i, j)) == (shared, shared / union)
    assert not found


def test_ids_may_be_huge_and_sparse():
    true = np.array([[0, 2**31 - 1, 2**31 - 1]], np.int64)
    overlap = measure_overlap(true, np.array([[7, 7, 7]], np.uint8))
    assert overlap.true_ids.tolist() == [2**31 - 1]
    assert overlap.iou.tolist() == [2 / 3]


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), "same pixels"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "truth holds float64"),
        (np.zeros((2, 2), int), np.full((2, 2), -1), "prediction holds ids outside"),
    ],
)
def test_bad_ids_are_refused(true, predicted, message):
    with pytest.raises(InputError, match=message):
        measure_overlap(true, predicted)


def test_iou_must_exceed_the_threshold():
    true = np.array([1, 1, 0, 0])
    assert measure_overlap(true, np.array([1, 0, 0, 0])).match(0.5).size == 0
    assert measure_overlap(true, np.array([1, 0, 0, 0])).match(0.499).size == 1


@given(st.data())
def test_assignment_takes_the_most_and_then_the_best(data):
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    merit = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(0, 1, width=32)))
    possible = data.draw(hnp.arrays(bool, shape))
    rows, columns = np.nonzero(possible)
    chosen = assign(rows, columns, merit[rows, columns])
    assert np.unique(rows[chosen]).size == np.unique(columns[chosen]).size == chosen.size
    # Dense oracle: a possible pair is worth more than all merits together.
    worth = np.where(possible, 100.0 + merit, 0.0)
    best = worth[linear_sum_assignment(worth, maximize=True)]
    assert chosen.size == np.count_nonzero(best)
    assert np.isclose(merit[rows, columns][chosen].sum(), (best[best > 0] - 100.0).sum())
