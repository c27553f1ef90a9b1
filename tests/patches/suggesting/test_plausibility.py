"""Candidates like the clicked objects are likely ones; others are not."""

import pytest

from napari_synthseg.patches.suggesting.plausibility import Traits, judge

USUAL = Traits(0.92, 0.0, 0.8, 0.9, 0.1)


def test_a_candidate_like_the_clicked_objects_is_likely():
    assert judge(USUAL, [USUAL] * 5) > 0.9


@pytest.mark.parametrize(
    "changed",
    [
        {"sureness": 0.5}, {"log_size": 1.2}, {"log_size": -1.2}, {"inside": 0.2},
        {"around": 0.9}, {"correlation": 0.0},
    ],
)  # fmt: skip
def test_whatever_differs_makes_it_less_likely(changed):
    assert judge(USUAL._replace(**changed), [USUAL] * 5) < judge(USUAL, [USUAL] * 5)


def test_where_no_outline_was_found_there_is_no_object():
    assert judge(Traits(0.0, 0.0, 0.0, 0.0, 0.0), [USUAL]) == 0.0
