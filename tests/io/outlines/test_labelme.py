"""Shapes of labelme, to the pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.base import LeftOut
from tests.helpers.outline_files import SQUARE, labelme, labelme_shape, png_of, save_json
from tests.helpers.outlines import box, drawn, read_one


def shape(kind: str, points: Any, **more: Any) -> dict[str, Any]:
    return labelme_shape(kind, points, **more)


def saved(folder: Path, *shapes: dict[str, Any]) -> Path:
    return save_json(folder / "cells.json", labelme(*shapes))


def test_shapes_are_counted_from_the_corner(tmp_path: Path) -> None:
    stored = np.ones((4, 10), bool)
    stored[0, 0] = False
    image = read_one(
        saved(
            tmp_path,
            shape("polygon", SQUARE),
            shape("rectangle", [SQUARE[2], SQUARE[0]]),
            shape("oriented_rectangle", SQUARE),
            shape("rotation", SQUARE),
            shape("mask", [[10, 5], [19, 8]], mask=png_of(stored)),
        )
    )
    assert (image.name, image.size) == ("cells.png", (40, 60))
    *squares, mask = image.outlines
    for each in squares:
        assert (drawn(each.area) == box(5, 10, 9, 20)).all() and each.cls == "nucleus"
    assert [each.is_box for each in image.outlines] == [False, True, False, False, False]
    assert (drawn(mask.area) == box(5, 10, 9, 20) & ~box(5, 10, 6, 11)).all()


def test_circles_go_through_their_second_point(tmp_path: Path) -> None:
    (circle,) = read_one(saved(tmp_path, shape("circle", [[15, 10], [18, 14]]))).outlines
    y, x = np.indices((40, 60)) + 0.5
    assert (drawn(circle.area) == ((y - 10) ** 2 + (x - 15) ** 2 <= 25)).all()


def test_points_are_turned_into_positions(tmp_path: Path) -> None:
    (point,) = read_one(saved(tmp_path, shape("point", [[10.5, 5]]))).points
    assert (point.position, point.cls) == ((4.5, 10), "nucleus")


def test_shapes_of_one_group_are_one_object(tmp_path: Path) -> None:
    parts = [
        shape("polygon", SQUARE, group_id=1),
        shape("rectangle", [[30, 5], [32, 7]], group_id=1),
        shape("polygon", SQUARE, group_id=2),
        shape("polygon", SQUARE, group_id=1, label="debris"),
        shape("circle", [[15, 20], [15, 20.6]], group_id=1),
    ]
    first, second, third = read_one(saved(tmp_path, *parts)).outlines
    expected = box(5, 10, 9, 20) | box(5, 30, 7, 32)
    expected[20, 14] = expected[20, 15] = expected[19, 14] = expected[19, 15] = False
    assert (drawn(first.area) == expected).all() and not first.is_box
    assert first.area.bounds == pytest.approx((5, 10, 20.6, 32))
    assert (second.cls, third.cls) == ("nucleus", "debris")


def test_lines_and_empty_shapes_are_told(tmp_path: Path) -> None:
    shapes = [
        shape("line", SQUARE[:2]),
        shape("linestrip", SQUARE),
        shape("polygon", SQUARE[:2]),
        shape("rectangle", [[1, 1], [1, 5]]),
        shape("spiral", SQUARE),
    ]
    image = read_one(saved(tmp_path, *shapes))
    assert image.outlines == image.points == ()
    assert [each.what for each in image.left_out] == [
        "line(s)", "line(s)", "outline(s) without an area", "outline(s) without an area",
        "shape(s) of unknown kinds",
    ]  # fmt: skip
    assert image.left_out[0] == LeftOut("line(s)", "nucleus")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (shape("circle", SQUARE), "shape 1: a circle has 2 points there, not 4"),
        (shape("polygon", [[1, "x"], [2, 3]]), "shape 1: its points are no list of pairs"),
        (shape("polygon", [[1, 1e30], [2, 3], [4, 5]]), "shape 1: one of its points lies at no"),
        (shape("mask", SQUARE[:2], mask="AAAA"), "shape 1: its mask cannot be read"),
        (3, "'shapes' is no list of shapes"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, wrong: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"cells\.json.*{said}"):
        read_one(saved(tmp_path, wrong))
