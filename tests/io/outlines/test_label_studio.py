"""Results of Label Studio, in percent of the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.base import LeftOut
from tests.helpers.outline_files import (
    SQUARE,
    label_studio,
    label_studio_result,
    pack_label_studio,
    save_json,
)
from tests.helpers.outlines import box, drawn, read_one

PERCENT = {"x": 10 / 0.6, "y": 5 / 0.4, "width": 10 / 0.6, "height": 4 / 0.4, "rotation": 0}


def saved(folder: Path, *results: dict[str, Any], **task: Any) -> Path:
    return save_json(folder / "project.json", label_studio(*results, **task))


def test_percent_are_of_the_image(tmp_path: Path) -> None:
    points = [[x / 0.6, y / 0.4] for x, y in SQUARE]
    packed = pack_label_studio(box(5, 10, 9, 20))
    image = read_one(
        saved(
            tmp_path,
            label_studio_result("polygon", {"points": points}),
            label_studio_result("rectangle", PERCENT),
            label_studio_result("brush", {"format": "rle", "rle": packed}),
        )
    )
    assert (image.name, image.size) == ("/data/upload/1/0123abcd-cells.png", (40, 60))
    assert [each.is_box for each in image.outlines] == [False, True, False]
    for each in image.outlines:
        assert (drawn(each.area) == box(5, 10, 9, 20)).all() and each.cls == "nucleus"


def test_key_points_ellipses_and_turned_rectangles(tmp_path: Path) -> None:
    value = {"x": 20 / 0.6, "y": 20 / 0.4, "radiusX": 8 / 0.6, "radiusY": 3 / 0.4, "rotation": 30}
    image = read_one(
        saved(
            tmp_path,
            label_studio_result("keypoint", {"x": 10.5 / 0.6, "y": 5 / 0.4, "width": 1}),
            label_studio_result("ellipse", value),
            label_studio_result("rectangle", {**PERCENT, "rotation": 90}),
        )
    )
    assert image.points[0].position == pytest.approx((4.5, 10))
    y, x = np.indices((40, 60)) + 0.5 - 20
    along = x * np.cos(np.pi / 6) + y * np.sin(np.pi / 6)
    across = y * np.cos(np.pi / 6) - x * np.sin(np.pi / 6)
    ellipse, turned = image.outlines
    assert (drawn(ellipse.area) == ((along / 8) ** 2 + (across / 3) ** 2 <= 1)).all()
    # turned round its upper left corner, clockwise
    assert (drawn(turned.area) == box(5, 6, 15, 10)).all() and not turned.is_box


def test_labels_in_a_result_of_their_own_and_several(tmp_path: Path) -> None:
    bare = {**label_studio_result("rectangle", PERCENT), "type": "rectangle"}
    bare["value"] = dict(PERCENT)
    label = {"id": "a", "type": "labels", "value": {"labels": ["debris"]}}
    image = read_one(saved(tmp_path, bare, label))
    assert [each.cls for each in image.outlines] == ["debris"] and image.left_out == ()
    several = label_studio_result("rectangle", {**PERCENT})
    several["value"]["rectanglelabels"].append("large")
    image = read_one(saved(tmp_path, several, {"type": "relation", "id": "r"}))
    assert [each.cls for each in image.outlines] == ["nucleus"]
    assert image.left_out == (
        LeftOut("further label(s) of shapes that have several"),
        LeftOut("relation(s), choice(s), texts and ratings"),
    )


def test_of_several_annotations_the_true_or_the_latest_counts(tmp_path: Path) -> None:
    def annotation(label: str, **more: Any) -> dict[str, Any]:
        return {"result": [label_studio_result("rectangle", PERCENT, label)], **more}

    first = annotation("a", updated_at="2024-01-01", ground_truth=True)
    later = annotation("b", updated_at="2025-01-01")
    latest = annotation("c", updated_at="2026-01-01", was_cancelled=True)
    for several, cls in (([first, later, latest], "a"), ([later, {"result": []}], "b")):
        image = read_one(saved(tmp_path, annotations=several))
        assert [each.cls for each in image.outlines] == [cls]
        assert image.left_out == (LeftOut("annotation(s) of tasks that have a later one"),)
    choice = {"type": "choices", "value": {"choices": ["good"]}, "id": "c"}
    image = read_one(saved(tmp_path, choice))
    assert LeftOut("task(s) of which only texts or choices are known", "") in image.left_out
    image = read_one(saved(tmp_path, annotations=[latest]))
    assert image.left_out == (LeftOut("task(s) that nobody has annotated", ""),)


def test_names_of_images_and_the_short_export(tmp_path: Path) -> None:
    square = {**label_studio_result("rectangle", PERCENT)}
    short = {**square["value"], "original_width": 60, "original_height": 40}
    task = {"id": 1, "annotator": 1, "annotation_id": 2, "image": "s3://a/b%20c.png?X=1"}
    image = read_one(save_json(tmp_path / "min.json", [{**task, "label": [short]}]))
    assert image.name == "s3://a/b c.png"
    assert (drawn(image.outlines[0].area) == box(5, 10, 9, 20)).all()
    local = saved(tmp_path, square, data={"picture": "/data/local-files/?d=set/cells.png"})
    assert read_one(local).name == "set/cells.png"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({**label_studio_result("rectangle", PERCENT), "image_rotation": 90}, "was turned"),
        ({**label_studio_result("rectangle", PERCENT), "original_width": None}, "how large"),
        ({**label_studio_result("rectangle", PERCENT), "original_height": 1e308}, "no image is"),
        (label_studio_result("rectangle", {**PERCENT, "x": None}), "x is 'None'"),
        (label_studio_result("brush", {"format": "png", "rle": []}), "not packed as 'rle'"),
        (label_studio_result("brush", {"format": "rle", "rle": [1]}), "cannot be unpacked"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, result: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"project\.json, task 1, result 1: .*{said}"):
        read_one(saved(tmp_path, result))
