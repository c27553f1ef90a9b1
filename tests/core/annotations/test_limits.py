"""What of an image counts: pixels and positions agree, whatever the outlines."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.project import Project

SHAPE = (12, 14)

vertices = st.lists(
    st.tuples(st.floats(-3, 16, width=16), st.floats(-3, 18, width=16)), min_size=3, max_size=6
).map(tuple)
outlines = st.lists(st.lists(vertices, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple)


def box(y0, x0, y1, x1):
    return (((y0, x0), (y0, x1), (y1, x1), (y1, x0)),)


@given(outlines, outlines)
def test_a_pixel_counts_as_its_center_does(roi, excluded):
    ref = ImageRef(uri="a", roi=roi, excluded=excluded)
    region = ((2, 11), (1, 13))
    counted = ref.counted(region)
    here = [[ref.counts_at((y, x)) for x in range(1, 13)] for y in range(2, 11)]
    assert np.array_equal(np.ones((9, 12), bool) if counted is None else counted, here)


def test_boxes_are_half_open_and_what_is_excluded_is_so_in_every_roi():
    ref = ImageRef(uri="a", roi=(box(2, 3, 6, 8), box(8, 0, 10, 2)), excluded=(box(2, 3, 4, 5),))
    expected = np.zeros(SHAPE, bool)
    expected[2:6, 3:8] = expected[8:10, 0:2] = True
    expected[2:4, 3:5] = False
    assert np.array_equal(ref.counted(((0, 12), (0, 14))), expected)
    assert np.array_equal(ref.counted(((1, 7), (4, 9))), expected[1:7, 4:9])
    volume = ref.counted(((0, 3), (0, 12), (0, 14)))
    assert volume.shape == (3, *SHAPE)
    assert np.array_equal(volume[2], expected)


def test_a_ring_in_a_ring_is_a_hole_and_without_outlines_all_counts():
    ref = ImageRef(uri="a", roi=((*box(1, 1, 11, 11), *box(4, 4, 8, 8)),))
    assert ref.counts_at((2, 2))
    assert not ref.counts_at((5, 5))
    assert ImageRef(uri="a").counted(((0, 2), (0, 2))) is None
    assert ref.without_limits().counts_at((5, 5))


def test_clicks_are_those_where_the_image_counts_and_the_others_are_kept():
    ref = ImageRef(id="i", uri="a", excluded=(box(8, 0, 12, 14),))
    clicks = [Click(image="i", position=(y, 5.0), cls=1) for y in (2.0, 7.4, 7.6, 10.0)]
    negatives = [Click(image="i", position=(y, 5.0), cls=0) for y in (3.0, 9.0)]
    project = Project().with_images(ref).with_classes(ObjectClass(name="a", value=1))
    project = project.with_clicks(*clicks, *negatives)
    assert [c.position[0] for c in project.clicks_on(ref)] == [2.0, 7.4]
    assert [c.position[0] for c in project.negatives_on(ref)] == [3.0]
    assert len(project.clicks) == 4


def test_the_box_that_counts_holds_every_roi_and_lies_in_the_region():
    ref = ImageRef(uri="a", roi=(box(2.5, 3, 6, 8), box(8, 0, 10.2, 2)))
    assert ref.box_that_counts(((0, 12), (0, 14))) == ((2, 11), (0, 8))
    assert ref.box_that_counts(((4, 9), (0, 9), (1, 14))) == ((4, 9), (2, 9), (1, 8))
    assert ref.box_that_counts(((11, 12), (9, 14))) == ((11, 12), (9, 14))  # nothing of it counts
    whole = ImageRef(uri="a", excluded=(box(0, 0, 5, 5),))
    assert whole.box_that_counts(((0, 12), (0, 14))) == ((0, 12), (0, 14))
