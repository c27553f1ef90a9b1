"""CVAT for images, and the Cell Counter of ImageJ."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.base import LeftOut
from tests.helpers.outline_files import SQUARE, cell_counter, cvat, markers
from tests.helpers.outlines import box, drawn, read_one

POINTS = ";".join(f"{x:.2f},{y:.2f}" for x, y in SQUARE)
BOX = '<box label="nucleus" xtl="10" ytl="5" xbr="20" ybr="9"{}></box>'


def saved(folder: Path, text: str) -> Path:
    path = folder / "annotations.xml"
    path.write_text(text, "utf-8")
    return path


def test_shapes_of_cvat_are_counted_from_the_corner(tmp_path: Path) -> None:
    image = read_one(
        saved(
            tmp_path,
            cvat(
                f'<polygon label="nucleus" points="{POINTS}" z_order="1"></polygon>',
                BOX.format(' rotation="0.0"'),
                '<mask label="nucleus" rle="0, 40" left="10" top="5" width="10" height="4"></mask>',
            ),
        )
    )
    assert (image.name, image.size) == ("set/cells.png", (40, 60))
    assert [each.is_box for each in image.outlines] == [False, True, False]
    for each in image.outlines:
        assert (drawn(each.area) == box(5, 10, 9, 20)).all() and each.cls == "nucleus"


def test_masks_of_cvat_go_along_rows(tmp_path: Path) -> None:
    text = '<mask label="a" rle="1,4,1" left="30" top="2" width="3" height="2"></mask>'
    (mask,) = read_one(saved(tmp_path, cvat(text))).outlines
    assert drawn(mask.area)[2:4, 30:33].tolist() == [[False, True, True], [True, True, False]]


def test_points_ellipses_and_turned_boxes_of_cvat(tmp_path: Path) -> None:
    image = read_one(
        saved(
            tmp_path,
            cvat(
                '<points label="a" points="10.5,5.5;0,0"></points>',
                '<ellipse label="a" cx="15" cy="7" rx="5" ry="2"></ellipse>',
                BOX.format(' rotation="90"'),
            ),
        )
    )
    assert [p.position for p in image.points] == [(5, 10), (-0.5, -0.5)]
    oval, turned = image.outlines
    assert drawn(oval.area).sum() == 32 and drawn(oval.area)[5, 12:18].all()
    assert (drawn(turned.area) == box(2, 13, 12, 17)).all() and not turned.is_box


def test_other_shapes_of_cvat_are_told(tmp_path: Path) -> None:
    image = read_one(
        saved(
            tmp_path,
            cvat(
                '<polyline label="axon" points="1,2;3,4"></polyline>',
                '<skeleton label="b"><points label="1" points="1,1"></points></skeleton>',
                '<tag label="blurred"></tag>',
                '<polygon label="a" points="1,2;3,4"></polygon>',
            ),
        )
    )
    assert image.outlines == image.points == ()
    assert image.left_out == (
        LeftOut("line(s)", "axon"),
        LeftOut("skeleton(s)", "b"),
        LeftOut("tag(s) of whole images"),
        LeftOut("outline(s) without an area"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (cvat(BOX.format("").replace("10", "x")), "image 1, shape 1: xtl is 'x'"),
        (cvat('<polygon label="a" points="1,2;3"/>'), "image 1, shape 1: its points are no list"),
        (cvat('<mask rle="3" left="0" top="0" width="2" height="2"/>'), "its mask hold 3 pixels"),
        ("<annotations><track/></annotations>", "it holds the tracks of a video"),
        ("<annotations><image/></annotations>", "image 1: the image has no name"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><annotations/>', "declares a document type"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"annotations\.xml.*{said}"):
        read_one(saved(tmp_path, text))


def test_markers_are_pixels_with_a_type(tmp_path: Path) -> None:
    named = markers(2, (1, 2, 3)).replace("<Type>2</Type>", "<Type>2</Type><Name>debris</Name>")
    text = cell_counter(markers(1, (14, 6, 1), (0, 0, 1)), named, markers(3))
    image = read_one(saved(tmp_path, text))
    assert image.name == "cells.png"
    assert [(p.cls, p.position, p.plane) for p in image.points] == [
        ("Type 1", (6, 14), {"index": 0}),
        ("Type 1", (0, 0), {"index": 0}),
        ("debris", (2, 1), {"index": 2}),
    ]
    assert image.points[1].where == "annotations.xml, type 1, marker 2"


def test_the_window_of_the_counter_is_no_part_of_the_name(tmp_path: Path) -> None:
    text = cell_counter(markers(1, (14, 6, 1)), image="Counter Window - cells.png")
    assert read_one(saved(tmp_path, text)).name == "cells.png"
    assert read_one(saved(tmp_path, cell_counter(image=""))).name is None


def test_a_marker_without_a_place_is_told(tmp_path: Path) -> None:
    text = cell_counter(markers(1, (14, 6, 1)).replace("<MarkerY>6", "<MarkerY>"))
    with pytest.raises(InputError, match="type 1, marker 1: MarkerY is ''"):
        read_one(saved(tmp_path, text))
