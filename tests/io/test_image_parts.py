"""Which part of an image holds a place that a file names."""

from __future__ import annotations

import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.image_parts import ImageParts

LEFT = ImageRef(id="left", uri="a.tif", name="a", region=((0, 10), (0, 8)))
RIGHT = ImageRef(id="right", uri="a.tif", name="a", region=((0, 10), (12, 20)))
FLAT = ImageParts((LEFT, RIGHT), (10, 20))
DEEP = ImageParts((ImageRef(id="v", uri="v.tif", name="v", axes="zyx"),), (4, 10, 20))


@pytest.mark.parametrize(
    ("place", "ident"),
    [((0, 0), "left"), ((9.4, 7.4), "left"), ((3, 12), "right"), ((3, 10), None)],
)
def test_a_place_is_held_by_the_region_that_it_is_in(place, ident) -> None:
    found = FLAT.holding(place)
    assert (found.id if found is not None else None) == ident


def test_only_some_parts_may_be_asked_and_a_whole_image_holds_all_of_it() -> None:
    assert FLAT.holding((0, 0), [RIGHT]) is None
    assert DEEP.holding((3, 9, 19)) is DEEP.refs[0]
    assert DEEP.holding((4, 9, 19)) is None


def test_what_lies_just_outside_is_moved_to_the_border() -> None:
    assert FLAT.onto_border((-0.9, 20.0)) == (0.0, 19.0)
    assert DEEP.onto_border((-0.9, 20.0)) == (0.0, 19.0)
    assert DEEP.onto_border((3.9, 5.0, 5.0)) == (3.0, 5.0, 5.0)


def test_a_place_outside_is_refused_with_the_size_and_a_remedy() -> None:
    FLAT.check_inside("b.csv, row 2", "the point", (9.4, 19.4))
    with pytest.raises(InputError) as refused:
        FLAT.check_inside("b.csv, row 2", "the center of the box", (30.0, 4.5))
    assert str(refused.value) == (
        "b.csv, row 2: the center of the box (30, 4.5) lies outside image 'a' (10 x 20): check "
        "that it is of this image, and that y and x are not swapped."
    )


def test_another_size_is_refused_where_a_file_says_one() -> None:
    for parts in (FLAT, DEEP):
        parts.check_drawn_size("b.json", None)
        parts.check_drawn_size("b.json", (10, 20))
    with pytest.raises(InputError, match=r"^b.json: it was drawn on 20 x 10 pixels \(y, x\), but "):
        DEEP.check_drawn_size("b.json", (20, 10))
