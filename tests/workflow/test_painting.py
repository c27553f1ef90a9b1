"""What is painted comes back from the project as it was, whatever the rest is; without a window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.result_files import write_labels
from napari_synthseg.workflow.painting import (
    GROUND,
    masks_from_array,
    masks_from_file,
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
    kept = finish(save_regions(refs, values, rest_unknown, (1, 2), session.folder))
    project = with_regions(session.project, refs, kept.truths)
    back = read_regions(project, session.folder, refs, SHAPE).result()
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
    kept = finish(save_regions(refs, ones, False, (1, 2), session.folder))
    project = with_regions(session.project, refs, kept.truths)
    bare = with_regions(project, refs[:1], ())
    assert [t.image for t in bare.truths] == [refs[1].id]
    assert with_regions(bare, refs[:1], ()) is bare


def test_what_is_painted_in_no_class_is_saved_as_not_painted(session):
    refs = session.project.images
    values = np.full(SHAPE, 1, np.uint8)
    values[0], values[1] = 9, GROUND
    kept = finish(save_regions(refs, values, True, (1, 2), session.folder))
    project = with_regions(session.project, refs, kept.truths)
    back = read_regions(project, session.folder, refs, SHAPE).result()
    assert np.array_equal(back.values, np.where(values == 9, 0, values))
    assert set(shares_of(kept.counts)) == {0, 1}
    assert (values[0] == 9).all()


def test_masks_are_laid_on_the_part_that_they_fit(session):
    refs = session.project.images
    taken = masks_of(np.full((6, 4), 2), refs[1:])
    assert np.array_equal(np.unique(taken.values[:, 4:]), [2])
    assert not taken.values[:, :4].any()
    assert taken.unknown_classes(session.project) == ()
    assert masks_of(np.full(SHAPE, 9), refs).unknown_classes(session.project) == (9,)


def masks_of(array, refs):
    return masks_from_array(lambda: array, "'mine'", refs, SHAPE).result()


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
        masks_of(array, session.project.images)
    assert word in str(error.value)


@pytest.mark.parametrize(
    ("values", "painted", "rest_unknown", "shares"),
    [
        ([0, 1, 255], [GROUND, 1, 0], True, {0: 1 / 3, 1: 1 / 3}),
        ([0, 255, 255], [0, 1, 1], False, {1: 2 / 3}),  # black and white
    ],
)
def test_unknown_pixels_of_masks_are_what_is_not_painted(values, painted, rest_unknown, shares):
    array = np.array([values], np.uint8)
    found = masks_from_array(lambda: array, "'mine'", (), array.shape).result()
    assert found.rest_unknown == rest_unknown
    assert found.values.tolist() == [painted]
    assert found.shares == pytest.approx(shares)


def test_a_part_that_is_known_nowhere_is_not_taken_for_black_and_white(session, tmp_path):
    values = np.zeros(SHAPE, np.uint8)
    values[:, :4], values[0, 4:] = 1, 255
    write_labels(tmp_path / "mine.tif", values)
    (left, right) = session.project.images
    found = masks_from_file(tmp_path / "mine.tif", session.folder, [left, right], SHAPE).result()
    assert found.rest_unknown
    assert set(found.shares) == {0, 1}
    assert (found.values[:, 4:] != 1).all()
    with pytest.raises(InputError, match=r"'mine\.tif' hold nothing but 0 or unknown pixels"):
        masks_from_file(tmp_path / "mine.tif", session.folder, [right], SHAPE).result()
