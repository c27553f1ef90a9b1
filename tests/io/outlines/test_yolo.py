"""Outlines of YOLO: shares of the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import BOX_FORMATS
from napari_synthseg.io.outlines.base import LeftOut
from tests.helpers.outlines import box, drawn, read, size_of

OUTLINE = "1 0.16666666666666666 0.125 0.3333333333333333 0.125 0.3333333333333333 0.225 0.16666666666666666 0.225"  # noqa: E501
BOX = "0 0.25 0.175 0.16666666666666666 0.1"


def saved(folder: Path, **files: str) -> Path:
    """Make an export with a folder for the labels of each part."""
    for name, text in files.items():
        path = folder / name / "labels" / "cells.txt"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (folder / "data.yaml").write_text("names: {0: debris, 1: nucleus}\nnc: 2\n")
    return folder


def test_outlines_and_boxes_of_all_parts(tmp_path: Path) -> None:
    root = saved(tmp_path, train=f"{OUTLINE}\n{BOX}\n", valid="")
    for path in (root, root / "data.yaml"):
        train, valid = read(path)
        assert [(o.cls, o.is_box) for o in train.outlines] == [("nucleus", False), ("debris", True)]
        for each in train.outlines:
            assert (drawn(each.area) == box(5, 10, 9, 20)).all()
        assert (train.name, train.by_stem, valid.outlines) == ("train/labels/cells", True, ())


def test_key_points_are_no_outline(tmp_path: Path) -> None:
    root = saved(tmp_path, train=f"{BOX} 0.2 0.1 0.3 0.2\n")
    with (root / "data.yaml").open("a") as file:
        file.write("kpt_shape: [2, 2]\n")
    (image,) = read(root)
    assert [(o.cls, o.is_box) for o in image.outlines] == [("debris", True)]
    assert (drawn(image.outlines[0].area) == box(5, 10, 9, 20)).all()
    assert image.left_out == (LeftOut("list(s) of key points"),)
    (listed,) = BOX_FORMATS["yolo"].read(root, size_of)
    assert listed.boxes[0].corners == pytest.approx((5, 10, 9, 20))
    assert listed.notes == ("key points were left out",)


def test_boxes_round_outlines_are_told(tmp_path: Path) -> None:
    (listed,) = BOX_FORMATS["yolo"].read(saved(tmp_path, train=f"{OUTLINE}\n"), size_of)
    assert any("--instance makes true masks" in note for note in listed.notes)


def test_outlines_without_an_area_are_told(tmp_path: Path) -> None:
    (image,) = read(saved(tmp_path, train="1 0.1 0.1 0.2 0.1 0.3 0.1\n"))
    assert image.left_out == (LeftOut("outline(s) without an area"),)


def test_what_makes_no_sense_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train/labels/cells\.txt, row 1: class 7 has no name"):
        read(saved(tmp_path, train="7 0.1 0.1 0.2 0.1 0.3 0.2\n"))
