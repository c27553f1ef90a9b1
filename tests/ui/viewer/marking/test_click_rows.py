"""Rows of a Clicks layer and those that show the clicks are told apart by id, place and class."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.annotations import Click
from napari_synthseg.ui.viewer.marking.click_rows import ClickRows

NAMES = {0: "not an object", 1: "nucleus", 2: "debris"}

Row = tuple[str, tuple[float, ...], str]

one_row = st.tuples(
    st.sampled_from(["", *"abcdef"]),
    st.tuples(st.sampled_from([1.0, 2.5]), st.sampled_from([1.0, 2.5])),
    st.sampled_from([*NAMES.values(), "unknown"]),
)


def rows_of(table: list[Row]) -> ClickRows:
    places = np.array([place for _, place, _ in table], float).reshape(-1, 2)
    return ClickRows([i for i, _, _ in table], places, np.array([n for *_, n in table], object))


def differences_one_by_one(now: list[Row], before: list[Row]) -> tuple[dict[int, str], set[str]]:
    left = {row[0]: row for row in before}
    edited = {}
    for number, row in enumerate(now):
        mine = left.pop(row[0], None)
        if mine != row:
            edited[number] = row[0] if mine else ""
    return edited, set(left)


@given(
    st.lists(one_row, max_size=9),
    st.lists(one_row.filter(lambda row: row[0] != ""), max_size=6, unique_by=lambda row: row[0]),
    st.booleans(),
)
def test_differences_are_those_of_rows_compared_one_by_one(more, before, is_added_to):
    now = before + more if is_added_to else more
    edited, missing = rows_of(now).differences(rows_of(before))
    expected, left = differences_one_by_one(now, before)
    assert (edited, set(missing)) == (expected, left)
    known = {ident: name for ident, _, name in before}
    first = {ident: name for ident, _, name in reversed(now)}
    renamed = any(name != known[ident] for ident, name in first.items() if ident in known)
    assert rows_of(now).renames(rows_of(before)) == renamed


@given(st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99), st.floats(0, 99)), max_size=5))
def test_clicks_become_rows(places):
    clicks = [Click(image="i", position=at, cls=n % 3) for n, at in enumerate(places)]
    rows = ClickRows.of_clicks(clicks, NAMES, 3)
    assert len(rows) == len(clicks)
    assert rows.ids == [click.id for click in clicks]
    assert rows.places.shape == (len(clicks), 3)
    assert rows.places.tolist() == [list(at) for at in places]
    assert rows.names.tolist() == [NAMES[click.cls] for click in clicks]
    assert rows.differences(rows) == ({}, [])


@given(
    st.lists(one_row.filter(lambda row: row[0] != ""), max_size=6, unique_by=lambda row: row[0]),
    st.sets(st.sampled_from("abcdef")),
)
def test_rows_without_some_clicks_are_the_others(before, gone):
    left, rows = rows_of(before).without(gone)
    others = [row for row in before if row[0] not in gone]
    assert left.differences(rows_of(others)) == ({}, [])
    assert len(left) == len(left.places) == len(left.names) == len(others)
    assert rows == [number for number, row in enumerate(before) if row[0] in gone]
