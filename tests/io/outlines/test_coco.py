"""Outlines and masks of COCO."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.coco import CocoFormat
from napari_synthseg.io.outlines.base import LeftOut, OutlinedImage
from tests.helpers.outline_files import coco, coco_polygon, save_json
from tests.helpers.outlines import box, drawn, read_one


def read(folder: Path, *annotations: dict[str, Any], **tables: Any) -> OutlinedImage:
    return read_one(save_json(folder / "instances.json", {**coco(*annotations), **tables}))


def mask(size: Any = (40, 60), counts: Any = None) -> dict[str, Any]:
    runs = [10 * 40 + 5, *[4, 36] * 9, 4, 31 + 40 * 40]
    return {"segmentation": {"size": list(size), "counts": runs if counts is None else counts}}


def test_polygons_and_masks_are_the_same_pixels(tmp_path: Path) -> None:
    coco_masks = pytest.importorskip("faster_coco_eval.core.mask")
    packed = coco_masks.encode(np.asfortranarray(box(5, 10, 9, 20).astype(np.uint8)))["counts"]
    text = packed if isinstance(packed, str) else packed.decode()
    image = read(
        tmp_path,
        coco_polygon(),
        {"segmentation": coco_polygon()["segmentation"][0]},
        mask(),
        mask(counts=text),
        {"bbox": [10, 5, 10, 4]},
    )
    assert (image.name, image.size) == ("set/cells.png", (40, 60))
    for each in image.outlines:
        assert (drawn(each.area) == box(5, 10, 9, 20)).all() and each.cls == "nucleus"
    assert [each.is_box for each in image.outlines] == [False] * 4 + [True]


def test_polygons_of_one_object_are_joined(tmp_path: Path) -> None:
    parts = [
        *coco_polygon()["segmentation"],
        [12, 6, 14, 6, 14, 8, 12, 8],
        [1, 1, 3, 1, 3, 2, 1, 2],
    ]
    (outline,) = read(tmp_path, {"segmentation": parts}).outlines
    assert (drawn(outline.area) == box(5, 10, 9, 20) | box(1, 1, 2, 3)).all()


def test_each_marked_key_point_is_a_click(tmp_path: Path) -> None:
    image = read(
        tmp_path,
        {"keypoints": [10, 5, 2]},
        {"keypoints": [10.5, 5.25, 1], "bbox": [0, 0, 1, 1]},
        {"keypoints": [10, 4, 2, 0, 0, 0, 12, 6, 1]},
        {"keypoints": [0, 0, 0]},
    )
    expected = [(4.5, 9.5), (4.75, 10), (3.5, 9.5), (5.5, 11.5)]
    assert [p.position for p in image.points] == expected
    assert image.left_out == (LeftOut("object(s) without a marked key point", "nucleus"),)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(0, 2)), min_size=1))
def test_key_points_are_those_of_boxes(points: list[tuple[int, int, int]]) -> None:
    numbers = [number for point in points for number in point]
    with TemporaryDirectory() as folder:
        image = read(Path(folder), {"keypoints": numbers}, {"bbox": [1, 1, 2, 2]})
        (path,) = Path(folder).iterdir()
        if all(seen == 0 for _, _, seen in points):
            with pytest.raises(InputError, match=r"annotation 1: .* no marked key point"):
                CocoFormat().read(path, lambda *_: (40, 60))
            return
        (boxed,) = CocoFormat().read(path, lambda *_: (40, 60))
    expected = [(y - 0.5, x - 0.5) for x, y, seen in points if seen]
    assert [p.position for p in image.points] == [p.position for p in boxed.points] == expected


def test_crowds_are_told_and_ids_may_be_texts(tmp_path: Path) -> None:
    crowd = {**mask(), "iscrowd": 1}
    image = read(tmp_path, {**crowd, "image_id": "3", "category_id": "1"})
    assert image.outlines == () and image.left_out == (LeftOut("crowd(s)", "nucleus"),)


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"segmentation": [[1, 2, 3]]}, "a polygon of it is no list x, y"),
        ({"segmentation": "text"}, "neither polygons nor a mask"),
        (mask(size=[3]), "its mask has no size"),
        (mask(size=[3, 4]), "the runs of its mask hold 2400 pixels, but the mask has 3 x 4"),
        (mask(counts="~~"), "no text of run lengths"),
        (mask(counts=[1.5]), "neither a list nor a text"),
        ({"bbox": None}, "neither a segmentation nor a 'bbox'"),
        ({"bbox": [1, 2, 3]}, "'bbox' must be four numbers"),
        ({"keypoints": [1, 2]}, "its key points are no list"),
        ({"image_id": 9}, "there is no image with the id 9"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, annotation: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"instances\.json, annotation 1: .*{said}"):
        read(tmp_path, annotation)


def test_two_images_or_classes_of_one_id_are_refused(tmp_path: Path) -> None:
    images = [{"id": 0, "file_name": name} for name in ("a.png", "b.png")]
    with pytest.raises(InputError, match=r"image 2: 'a.png' and 'b.png' have the same id 0"):
        read(tmp_path, coco_polygon(), images=images)
    categories = [{"id": 1, "name": name} for name in ("nucleus", "debris")]
    with pytest.raises(InputError, match=r"'nucleus' and 'debris' have the same id 1"):
        read(tmp_path, coco_polygon(), categories=categories)
    twice = read(tmp_path, coco_polygon(), categories=[categories[0]] * 2)
    assert len(twice.outlines) == 1
