"""What is painted comes back from the project as it was, whatever the rest is; without a window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.painting import (
    GROUND,
    ClassMasks,
    from_stored,
    masks_from_array,
    read_regions,
    save_regions,
    shares_of,
    with_regions,
)
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array

SHAPE = (6, 8)
LEFT, RIGHT = ((0, 6), (0, 4)), ((0, 6), (4, 8))


def finish(work):
    """Run a generator to its end, and return its value."""
    try:
        while True:
            next(work)
    except StopIteration as stop:
        return stop.value


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A project with one picture in two parts, and two classes."""
    session = Session.create(tmp_path_factory.mktemp("painted") / "p.synthseg")
    for name in ("one", "two"):
        project = session.project
        session.edit(project.with_classes(project.next_class(name)), "add class")
    left = add_array(session, np.zeros(SHAPE, np.uint8), "yx", "picture", region=LEFT)
    right = left.model_copy(update={"id": "right", "region": RIGHT, "role": "test"})
    session.edit(session.project.with_images(right), "add part")
    yield session
    session.close().result()


@given(
    values=arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 2, GROUND])),
    rest_unknown=st.booleans(),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_painted_comes_back(session, values, rest_unknown):
    refs = session.project.images
    kept = finish(save_regions(refs, values, rest_unknown, session.folder))
    project = with_regions(session.project, refs, kept.truths)
    back = finish(read_regions(project, session.folder, refs, SHAPE))
    for ref in refs:
        part = tuple(slice(*bounds) for bounds in ref.region)
        painted = np.isin(values[part], (1, 2)).any()
        assert (project.truth_of(ref, "semantic") is not None) == painted
        expected = values[part] if painted else np.zeros_like(values[part])
        found = back.values[part]
        if not back.rest_unknown:  # nothing unknown was kept, so that background is background
            expected = np.where(expected == GROUND, 0, expected)
        assert np.array_equal(found, expected)
    for value, share in shares_of(kept.counts).items():
        assert share == np.mean(values == (value or GROUND))


def test_the_regions_of_other_images_stay(session):
    refs = session.project.images
    ones = np.ones(SHAPE, np.uint8)
    kept = finish(save_regions(refs, ones, False, session.folder))
    project = with_regions(session.project, refs, kept.truths)
    bare = with_regions(project, refs[:1], ())
    assert [t.image for t in bare.truths] == [refs[1].id]
    assert with_regions(bare, refs[:1], ()) is bare


def test_masks_are_laid_on_the_part_that_they_fit(session):
    refs = session.project.images
    taken = finish(masks_from_array(np.full((6, 4), 2), "'mine'", refs[1:], SHAPE))
    assert np.array_equal(np.unique(taken.stored[:, 4:]), [2])
    assert not taken.stored[:, :4].any()
    assert taken.unknown_classes(session.project) == ()
    assert ClassMasks(np.full(SHAPE, 9, np.uint8), "x").unknown_classes(session.project) == (9,)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros(SHAPE, int), "nothing but 0"),
        (np.ones((3, 3), int), "same shape"),
        (np.arange(48).reshape(SHAPE), "each object"),
        (np.full(SHAPE, 300), "each object"),
        (np.full(SHAPE, -1), "each object"),
    ],
)
def test_masks_that_are_no_regions_are_refused_by_name(session, array, word):
    with pytest.raises(InputError, match="'mine'") as error:
        finish(masks_from_array(array, "'mine'", session.project.images, SHAPE))
    assert word in str(error.value)


def test_unknown_pixels_of_masks_are_what_is_not_painted():
    stored = np.array([[0, 1, 255]], np.uint8)
    painted = from_stored(stored)
    assert painted.rest_unknown
    assert painted.values.tolist() == [[GROUND, 1, 0]]
    assert painted.shares == {0: 1 / 3, 1: 1 / 3}
