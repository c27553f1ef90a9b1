"""What other programs write in place of the plain forms of COCO, YOLO and Pascal VOC."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import BOX_FORMATS, ListedImage, turn_box
from napari_synthseg.io.boxes.placing import PlacedBoxes, place_boxes

SHAPE = (100, 200)
ANNOTATION: dict[str, Any] = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}


def size_of(where: str, stem: str) -> tuple[int, int]:
    return SHAPE


def read_coco(folder: Path, *annotations: dict[str, Any], **tables: Any) -> tuple[ListedImage, ...]:
    whole: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{**ANNOTATION, **changed} for changed in annotations],
        **tables,
    }
    path = folder / "coco.txt"  # the ending does not matter
    path.write_text(json.dumps(whole))
    assert BOX_FORMATS["coco"].recognizes(path)
    return BOX_FORMATS["coco"].read(path, size_of)


@pytest.mark.parametrize(("here", "there"), [(1, "1"), ("1", 1), (1.0, "1"), ("a-7", "a-7")])
def test_ids_may_be_texts_or_numbers(tmp_path: Path, here: Any, there: Any) -> None:
    (image,) = read_coco(
        tmp_path,
        {"image_id": there, "category_id": here},
        images=[{"id": here, "file_name": "a.png"}],
        categories=[{"id": there, "name": "cell"}],
    )
    assert image.boxes[0].corners == (20, 10, 60, 40)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 20, 40, 20, 40, 60, 10, 59.5]],
        [10, 20, 40, 20, 40, 60],
        [[10, 20, 15, 20, 15, 25], [39, 59, 40, 60, 38, 60]],
    ],
)
@pytest.mark.parametrize("bbox", [None, [], [10, 20, 0, 0]])
def test_outlines_give_boxes(tmp_path: Path, segmentation: Any, bbox: Any) -> None:
    (image,) = read_coco(tmp_path, {"bbox": bbox, "segmentation": segmentation})
    assert image.boxes[0].corners == (20, 10, 60, 40)
    assert "round its outline" in image.notes[0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7))
def test_run_lengths_give_the_box_of_their_pixels(seed: int, height: int, width: int) -> None:
    from tempfile import TemporaryDirectory

    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    if not mask.any():
        mask[0, -1] = True
    flat = mask.T.ravel().astype(int)
    change = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *change, flat.size]).tolist()
    counts = [0, *runs] if flat[0] else runs
    with TemporaryDirectory() as folder:
        segmentation = {"size": [height, width], "counts": counts}
        (image,) = read_coco(Path(folder), {"bbox": None, "segmentation": segmentation})
    rows, columns = np.nonzero(mask)
    expected = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    assert image.boxes[0].corners == expected


def test_keypoints_without_a_box_are_points(tmp_path: Path) -> None:
    points = {"keypoints": [10.5, 20, 2, 0, 0, 0, 30, 40.5, 1], "bbox": [10, 20, 0, 0]}
    (image,) = read_coco(tmp_path, points, {"keypoints": [1, 2, 2]})
    assert [p.position for p in image.points] == [(19.5, 10.0), (40.0, 29.5)]
    assert [b.corners for b in image.boxes] == [(20, 10, 60, 40)]


def test_what_is_nothing_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="annotation 1: it has no 'bbox', no polygon"):
        read_coco(tmp_path, {"bbox": None})


def test_categories_of_one_name_are_one_class_and_that_is_told(tmp_path: Path) -> None:
    two = [{"id": 1, "name": "cell"}, {"id": 2, "name": "cell "}]
    (image,) = read_coco(tmp_path, {}, {"category_id": 2}, categories=two)
    assert [box.cls for box in image.boxes] == ["cell", "cell"]
    assert image.notes == ("several categories are named 'cell', and are one class",)


def test_results_are_no_annotations(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    assert BOX_FORMATS["coco"].recognizes(path)
    with pytest.raises(InputError, match=r"results\.json: it is a list of results"):
        BOX_FORMATS["coco"].read(path, size_of)
    path.write_text('{"shapes": [], "imagePath": "a.png"}')
    assert not BOX_FORMATS["coco"].recognizes(path)


PROJECT = Project(
    images=(
        ImageRef(id="a", uri="a.png", name="a.png"),
        ImageRef(id="b", uri="b.png", name="b.png"),
    ),
    classes=(ObjectClass(name="cell", value=1), ObjectClass(name="clump", value=2)),
)


def placed(listed: tuple[ListedImage, ...]) -> PlacedBoxes:
    return place_boxes(listed, PROJECT, lambda _: SHAPE)


@pytest.mark.parametrize("mark", [1, True, "1"])
def test_crowds_do_not_make_an_image_empty(tmp_path: Path, mark: Any) -> None:
    crowd = {"iscrowd": mark, "category_id": 2}
    found = placed(
        read_coco(
            tmp_path,
            {},
            crowd,
            {**crowd, "image_id": 2},
            images=[{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
            categories=[{"id": 1, "name": "cell"}, {"id": 2, "name": "clump"}],
        )
    )
    assert {image: len(rows) for image, rows in found.rows.items()} == {"a": 1}
    assert found.crowds == {"a": {2}, "b": {2}}
    assert found.crowd_count == 2


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((-0.9, 5), (0, 5)),
        ((100, 5), (99, 5)),
        ((99.5, 200), (99, 199)),
        ((-0.5, -0.5), (-0.5, -0.5)),
        ((99.4, 199.4), (99.4, 199.4)),
    ],
)
def test_points_within_half_a_pixel_of_the_border_are_inside(
    tmp_path: Path, at: tuple[float, float], expected: tuple[float, float]
) -> None:
    points = {"keypoints": [at[1] + 0.5, at[0] + 0.5, 2], "bbox": None}
    found = placed(read_coco(tmp_path, points))
    ((position, cls),) = found.points["a"]
    assert position == pytest.approx(expected)
    assert (cls, found.rows) == (1, {})


def test_points_further_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="annotation 1: the point"):
        placed(read_coco(tmp_path, {"keypoints": [5, 101, 2], "bbox": None}))


def test_turned_boxes_become_upright(tmp_path: Path) -> None:
    (image,) = read_coco(tmp_path, {"attributes": {"rotation": 90.0}})
    assert image.boxes[0].corners == pytest.approx((25, 5, 55, 45))
    assert "turned" in image.notes[0]


@given(st.floats(0, 360), st.floats(1, 50), st.floats(1, 50))
def test_the_upright_box_holds_the_corners_of_the_turned(a: float, h: float, w: float) -> None:
    ymin, xmin, ymax, xmax = turn_box((-h, -w, h, w), a)
    cos, sin = math.cos(math.radians(a)), math.sin(math.radians(a))
    ys = [y * cos + x * sin for y in (-h, h) for x in (-w, w)]
    xs = [x * cos - y * sin for y in (-h, h) for x in (-w, w)]
    assert (ymin, xmin, ymax, xmax) == pytest.approx((min(ys), min(xs), max(ys), max(xs)))


VOC = """<annotation><filename>a.png</filename><object><name>Blutkörper</name>
<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>{}</object>
</annotation>"""
HEAD = '<?xml version="1.0" encoding="{}"?>\n'


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-8"),  # some programs declare what they do not write
        ("ISO-8859-1", "latin-1"),
        ("windows-1252", "cp1252"),
    ],
)
def test_xml_is_read_in_the_encoding_that_it_declares(
    tmp_path: Path, declared: str, written: str
) -> None:
    (tmp_path / "a.xml").write_bytes((HEAD.format(declared) + VOC.format("")).encode(written))
    assert BOX_FORMATS["voc"].recognizes(tmp_path)
    (image,) = BOX_FORMATS["voc"].read(tmp_path, size_of)
    assert (image.boxes[0].cls, image.boxes[0].corners) == ("Blutkörper", (20, 10, 60, 40))


@pytest.mark.parametrize("written", ["utf-8", "utf-16"])
def test_document_types_are_refused_in_any_encoding(tmp_path: Path, written: str) -> None:
    text = HEAD.format(written) + '<!DOCTYPE annotation SYSTEM "voc.dtd">' + VOC.format("")
    (tmp_path / "a.xml").write_bytes(text.encode(written))
    with pytest.raises(InputError, match=r"^a\.xml: it declares a document type"):
        BOX_FORMATS["voc"].recognizes(tmp_path)


def test_rotated_boxes_of_labelers(tmp_path: Path) -> None:
    turned = (
        "<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>"
    )
    (tmp_path / "a.xml").write_text(VOC.format(turned))
    (tmp_path / "b.xml").write_text(
        "<annotation><filename>b.png</filename><object><name>cell</name><robndbox><cx>60</cx>"
        "<cy>80</cy><w>40</w><h>12</h><angle>1.5707963267948966</angle></robndbox></object>"
        "</annotation>"
    )
    first, second = BOX_FORMATS["voc"].read(tmp_path, size_of)
    assert first.boxes[0].corners == pytest.approx((25, 5, 55, 45))
    assert second.boxes[0].corners == pytest.approx((60, 54, 100, 66))
    assert "turned" in first.notes[0] and "turned" in second.notes[0]


def test_a_root_with_annotations_in_folders_is_read_whole(tmp_path: Path) -> None:
    for day in ("day1", "day2"):
        place = tmp_path / "Annotations" / day
        place.mkdir(parents=True)
        (place / "a.xml").write_text(VOC.format("").replace("a.png", f"{day}/a.png"))
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\ncell:128,0,0::\n")
    assert not BOX_FORMATS["yolo"].recognizes(tmp_path)
    images = BOX_FORMATS["voc"].read(tmp_path, size_of)
    assert [image.name for image in images] == ["day1/a.png", "day2/a.png"]


BOX = "0 0.125 0.4 0.15 0.4\n"  # 20, 10, 60, 40


def put(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("names: [red, white]", "red"),
        ("names:\n- yes\n- no\n", "yes"),
        ("names: [1, 2]", "1"),
        ("names:\n  0: 17\n  1: b\n", "17"),
        ("names: {'0': on, 1: off}", "on"),
    ],
)
def test_names_are_texts_as_they_stand_there(tmp_path: Path, names: str, expected: str) -> None:
    put(tmp_path, data_DOT_yaml=names, labels__a_DOT_txt=BOX)
    for path in (tmp_path, tmp_path / "data.yaml"):
        assert BOX_FORMATS["yolo"].recognizes(path)
        (image,) = BOX_FORMATS["yolo"].read(path, size_of)
        assert (image.boxes[0].cls, image.name) == (expected, "labels/a")
        assert image.boxes[0].corners == pytest.approx((20, 10, 60, 40))


ULTRALYTICS = {
    "data_DOT_yaml": "train: images/train\nval: images/val\nnames: [cell]\n",
    "labels__train__a_DOT_txt": BOX,
    "labels__val__b_DOT_txt": BOX * 2,
}
ROBOFLOW = {
    "data_DOT_yaml": "train: ../train/images\nval: ../valid/images\nnames: ['cell']\n",
    "README_DOT_roboflow_DOT_txt": "\ncells - v1\n====\n",
    "train__labels__a_DOT_txt": BOX,
    "valid__labels__b_DOT_txt": BOX * 2,
}
CVAT = {
    "obj_DOT_data": "classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n",
    "obj_DOT_names": "cell\n",
    "train_DOT_txt": "data/obj_train_data/a.png\ndata/obj_train_data/b.png\n",
    "obj_train_data__a_DOT_txt": BOX,
    "obj_train_data__b_DOT_txt": BOX * 2,
}


@pytest.mark.parametrize("files", [ULTRALYTICS, ROBOFLOW, CVAT], ids=["parts", "roboflow", "cvat"])
def test_all_parts_of_an_export_are_read(tmp_path: Path, files: dict[str, str]) -> None:
    root = put(tmp_path / "export", **files)
    assert BOX_FORMATS["yolo"].recognizes(root)
    images = BOX_FORMATS["yolo"].read(root, size_of)
    assert {Path(i.name).name: len(i.boxes) for i in images} == {"a": 1, "b": 2}
    found = placed(images)
    assert {k: len(v) for k, v in found.rows.items()} == {"a": 1, "b": 1}
    assert found.duplicates == 1


def test_parts_with_images_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = {
        "classes_DOT_txt": "cell\n",
        "train__labels__a_DOT_txt": BOX,
        "valid__labels__a_DOT_txt": "",
    }
    listed = BOX_FORMATS["yolo"].read(put(tmp_path, **files), size_of)
    images = [ImageRef(id=d, uri=f"x/{d}/images/a.png", name="a.png") for d in ("train", "valid")]
    project = PROJECT.model_copy(update={"images": tuple(images)})
    found = place_boxes(listed, project, lambda _: SHAPE)
    assert {k: len(v) for k, v in found.rows.items()} == {"train": 1, "valid": 0}


def test_a_yaml_file_without_boxes_is_named(tmp_path: Path) -> None:
    put(tmp_path, data_DOT_yaml="path: ../elsewhere\nnames: [cell]\n")
    with pytest.raises(InputError, match=r"data\.yaml: there are no text files with boxes"):
        BOX_FORMATS["yolo"].read(tmp_path / "data.yaml", size_of)
