"""Clicks of a unit: as many as asked for, dealt evenly, fewer always among more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.study.clicks import _deal, make_clicks
from napari_synthseg.core.labels import InstanceLabels
from tests.helpers.clicked_discs import disc_image

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=6)


@given(total=st.integers(0, 60), most=COUNTS)
def test_dealing_is_even_and_complete(total: int, most: list[int]) -> None:
    dealt = _deal(total, most)
    assert sum(dealt) == min(total, sum(most))
    assert all(got <= limit for got, limit in zip(dealt, most, strict=True))
    open_ = [got for got, limit in zip(dealt, most, strict=True) if got < limit]
    if open_:  # who could have had more has at most one less than anybody
        assert min(open_) >= max(dealt) - 1
    more = _deal(total + 1, most)
    assert all(a <= b for a, b in zip(dealt, more, strict=True))


@pytest.fixture(scope="module")
def masks() -> list[InstanceLabels]:
    centers = [(20, 20), (20, 60), (60, 20), (60, 60)]
    fields = [disc_image(centers[:n], shape=(90, 90))[1] for n in (4, 2, 3)]
    return [InstanceLabels(ids, dict.fromkeys(np.unique(ids)[1:].tolist(), 1)) for ids in fields]


def clicks_of(masks, each="all", in_all=None, jitter=0.1, seeds=(0, 0)):
    made = make_clicks(masks, jitter=jitter, each=each, in_all=in_all, seeds=seeds)
    return [set(image.clicks) for image in made], [image.exhaustive for image in made]


def test_all_objects_are_clicked_inside_them(masks) -> None:
    made, exhaustive = clicks_of(masks)
    assert exhaustive == [True] * 3
    for clicks, labels in zip(made, masks, strict=True):
        hit = {labels.ids[tuple(np.round(c.position).astype(int))] for c in clicks}
        assert hit == set(labels.classes)


def test_fewer_clicks_are_among_more(masks) -> None:
    everything = clicks_of(masks)[0]
    for number in range(1, 10):
        some, exhaustive = clicks_of(masks, in_all=number)
        assert sum(map(len, some)) == number
        assert all(a <= b for a, b in zip(some, everything, strict=True))
        assert exhaustive == [a == b for a, b in zip(some, everything, strict=True)]
    each, exhaustive = clicks_of(masks, each=2)
    assert [len(c) for c in each] == [2, 2, 2]
    assert exhaustive == [False, True, False]
    assert all(a <= b for a, b in zip(each, everything, strict=True))


def test_more_images_leave_the_first_as_they_were(masks) -> None:
    assert clicks_of(masks[:2])[0] == clicks_of(masks)[0][:2]


def test_seeds_and_jitter_move_clicks(masks) -> None:
    assert clicks_of(masks, jitter=0)[0] == clicks_of(masks, jitter=0, seeds=(1, 0))[0]
    assert clicks_of(masks)[0] != clicks_of(masks, seeds=(1, 0))[0]
    assert clicks_of(masks)[0] != clicks_of(masks, seeds=(0, 1))[0]
    assert clicks_of(masks)[0] != clicks_of(masks, jitter=0.2)[0]
