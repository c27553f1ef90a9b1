"""Boxes in the files of other programs: as those write them, and there and back again."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import NEGATIVE_NAME, NOT_AN_OBJECT, ImageRef, ObjectClass
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes import box_format
from napari_synthseg.io.boxes.base import BOX_FORMATS, BoxFormat, ListedBox, ListedImage, NamedBoxes
from napari_synthseg.io.boxes.placing import place_boxes
from napari_synthseg.io.class_tables import read_image_labels
from napari_synthseg.io.left_out import Naming
from napari_synthseg.io.naming import UnknownNameError
from napari_synthseg.io.points.clicks import read_points

CLASSES = {1: "red cell", 2: "blättchen", 7: "a,b"}
SHAPE = (480, 640)
NAMES = ("one.jpg", "two words.tif", "empty.png")

EDGES = st.integers(0, 300).map(float) | st.floats(0, 300, allow_subnormal=False)
BOXES = st.lists(
    st.tuples(EDGES, EDGES, st.floats(0.5, 150), st.floats(0.5, 150), st.sampled_from([1, 2, 7])),
    max_size=8,
)


def recognized(path: Path) -> BoxFormat | None:
    return next((each for each in BOX_FORMATS.values() if each.recognizes(path)), None)


def size_of(where: str, stem: str) -> tuple[int, int]:
    return SHAPE


def named(name: str, rows: list[tuple[Any, ...]]) -> NamedBoxes:
    corners = [(y, x, y + high, x + wide) for y, x, high, wide, _ in rows]
    return NamedBoxes(name, SHAPE, Boxes.of(corners, np.array([r[4] for r in rows], int)))


def written(folder: Path, name: str, images: list[NamedBoxes]) -> Path:
    kind = BOX_FORMATS[name]
    out = folder / ("out" if kind.writes_folder else {"csv": "b.csv", "coco": "b.json"}[name])
    kind.write(out, images, CLASSES)
    return out


@pytest.mark.parametrize("name", sorted(BOX_FORMATS))
@settings(max_examples=25, deadline=None)
@given(first=BOXES, second=BOXES)
def test_what_is_written_reads_back(name: str, first: Any, second: Any) -> None:
    images = [named(n, rows) for n, rows in zip(NAMES, (first, second, []), strict=True)]
    with TemporaryDirectory() as folder:
        out = written(Path(folder), name, images)
        kind = recognized(out)
        assert kind is BOX_FORMATS[name]
        found = {Path(i.name).stem: i for i in kind.read(out, size_of)}
        assert all(path.is_file() for path in kind.files(out, images))
    assert set(found) == {Path(n).stem for n in NAMES}
    for image in images:
        listed = found[Path(image.name).stem].boxes
        assert [b.cls for b in listed] == [CLASSES[c] for c in image.boxes.classes.tolist()]
        corners = np.array([b.corners for b in listed]).reshape(-1, 4)
        assert np.allclose(corners, image.boxes.corners, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["csv", "voc"])
def test_whole_pixels_are_written_as_such(tmp_path: Path, name: str) -> None:
    out = written(tmp_path, name, [named("a.png", [(3.0, 5.0, 10.0, 20.0, 1)])])
    text = (out / "a.xml" if out.is_dir() else out).read_text()
    assert "." not in text.replace("a.png", "")


LABELIMG = """<annotation verified="yes">
  <folder>images</folder><filename>cell.jpg</filename>
  <size><width>640</width><height>480</height><depth>3</depth></size>
  <object><name>WBC</name><pose>Unspecified</pose><difficult>0</difficult>
    <bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>60</ymax></bndbox></object>
</annotation>"""

CVAT = {
    "licenses": [],
    "categories": [{"id": 1, "name": "RBC", "supercategory": ""}, {"id": 5, "name": "WBC"}],
    "images": [{"id": 3, "width": 640, "height": 480, "file_name": "sub/cell.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 5, "bbox": [10.0, 20.0, 20.0, 40.0], "iscrowd": 0},
        {"id": 2, "image_id": 3, "category_id": 1, "bbox": [0, 0, 99, 99], "iscrowd": 1},
    ],
}


def roboflow(folder: Path) -> Path:
    (folder / "train" / "labels").mkdir(parents=True)
    (folder / "data.yaml").write_text("nc: 2\nnames: ['RBC', 'WBC']\n")
    (folder / "train" / "labels" / "cell.txt").write_text(
        "1 0.03125 0.0833333333 0.03125 0.08333\n"
    )
    return folder / "train"


def labelimg(folder: Path) -> Path:
    (folder / "cell.xml").write_text(LABELIMG)
    return folder


def cvat(folder: Path) -> Path:
    (folder / "instances.json").write_text(json.dumps(CVAT))
    return folder / "instances.json"


def outlines(folder: Path) -> Path:
    """YOLO's outlines, of which the box round them is meant."""
    (folder / "classes.txt").write_text("RBC\nWBC\n\n")
    points = "0.015625 0.041667 0.046875 0.041667 0.046875 0.125 0.015625 0.1"
    (folder / "cell.txt").write_text(f"1 {points}\n\n")
    return folder


def sheet(folder: Path) -> Path:
    path = folder / "boxes.csv"
    path.write_text("Class;xmin;ymin;xmax;ymax;image;area\nWBC;10;20,0;30;60;cell.jpg;800\n")
    return path


@pytest.mark.parametrize("make", [labelimg, cvat, roboflow, outlines, sheet])
def test_files_of_other_programs_say_the_same(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path)
    kind = recognized(path)
    assert kind is not None
    (image,) = kind.read(path, size_of)
    assert Path(image.name).stem == "cell"
    (box,) = image.boxes
    assert box.cls == "WBC"
    assert box.corners == pytest.approx((20, 10, 60, 30), abs=0.01)


def test_detectors_sureness_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\n")
    (tmp_path / "c.txt").write_text("0 0.5 0.5 0.25 0.5 0.97\n")
    (image,) = BOX_FORMATS["yolo"].read(tmp_path, size_of)
    assert image.boxes[0].corners == (120, 240, 360, 400)


def broken_xml(text: str) -> Any:
    def make(folder: Path) -> Path:
        (folder / "a.xml").write_text(text)
        return folder

    return make


def broken_coco(**tables: Any) -> Any:
    def make(folder: Path) -> Path:
        (folder / "a.json").write_text(json.dumps({**CVAT, **tables}))
        return folder / "a.json"

    return make


def broken_yolo(text: str, names: str | None = "a\nb\n", file: str = "classes.txt") -> Any:
    def make(folder: Path) -> Path:
        folder = folder / "one" / "two" / "three"
        folder.mkdir(parents=True)
        (folder / "c.txt").write_text(text)
        if names is not None:
            (folder / file).write_text(names)
        return folder

    return make


def annotation(**changed: Any) -> dict[str, Any]:
    return {"annotations": [{**CVAT["annotations"][0], **changed}]}


ENTITIES = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (broken_xml(ENTITIES), r"a\.xml.*document type"),
        (broken_xml(LABELIMG[:200]), r"a\.xml: not XML"),
        (broken_xml("<svg/>"), "holds 'svg'"),
        (broken_xml(LABELIMG.replace("<xmax>30", "<xmax>x")), "object 1: xmax is 'x'"),
        (broken_xml(LABELIMG.replace("<xmax>30", "<xmax>9")), "object 1: the box ends before it"),
        (broken_xml(LABELIMG.replace("bndbox", "polygon")), "object 1: it has no 'bndbox'"),
        (broken_xml(LABELIMG.replace("WBC", " ")), "object 1: the box has no class"),
        (broken_coco(images={}), "no list 'images'"),
        (broken_coco(annotations=[3]), "no list 'annotations'"),
        (broken_coco(**annotation(image_id=9)), "annotation 1: there is no image with the id 9"),
        (broken_coco(**annotation(category_id=[1])), "annotation 1: it has no 'category_id'"),
        (broken_coco(**annotation(bbox=[1, 2, 3])), "annotation 1: 'bbox' must be four"),
        (broken_coco(**annotation(bbox=[1, 2, None, 4])), "annotation 1: bbox is 'None'"),
        (broken_coco(**annotation(bbox=[1, 2, -1, 4])), "annotation 1: the box ends before it"),
        (broken_yolo("0 0.5 0.5 0.1 0.1", None), "names of the classes are missing"),
        (broken_yolo("5 0.5 0.5 0.1 0.1"), r"c\.txt, row 1: class 5 has no name"),
        (broken_yolo("0 0.5 0.5 0.1 0.1\n0 100 200 50 50"), "row 2: places are shares"),
        (broken_yolo("0 0.5 0.5 0.1"), "row 1: 4 values"),
        (broken_yolo("x 0.5 0.5 0.1 0.1"), "row 1: the class is 'x'"),
        (broken_yolo("0 0.5 0.5 0.1 0.1", "names: !!python/object:a b", "data.yaml"), "no 'na"),
        (broken_yolo("0 0.5 0.5 0.1 0.1", "names: [a", "data.yaml"), "not YAML"),
        (broken_yolo("0 0.5 0.5 0.1 0.1", "nc: 3", "data.yaml"), "no 'names'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said_with_its_place(tmp_path: Path, make: Any, said: str) -> None:
    path = make(tmp_path)
    ending = next(file.suffix for file in [path, *path.glob("*")] if file.suffix)
    kind = BOX_FORMATS[{".xml": "voc", ".json": "coco"}.get(ending, "yolo")]
    with pytest.raises(InputError, match=said):
        kind.read(path, size_of)


@pytest.mark.parametrize("kind", ["xml", "json", "txt"])
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_nonsense_is_bad_input(kind: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        path.write_bytes(content)
        (Path(folder) / "classes.txt").write_text("a\n")
        format_ = {"xml": "voc", "json": "coco", "txt": "yolo"}[kind]
        try:
            BOX_FORMATS[format_].read(path if kind == "json" else Path(folder), size_of)
        except InputError as error:
            assert "a." in str(error)


def test_unknown_formats_are_told() -> None:
    with pytest.raises(InputError, match="csv, "):
        box_format("tfrecord")


PROJECT = Project(
    images=(
        ImageRef(id="a", uri="data/a.tif", name="a.tif"),
        ImageRef(id="left", uri="b.tif", name="b.tif", region=((0, 480), (0, 300))),
        ImageRef(id="right", uri="b.tif", name="b.tif", region=((0, 400), (300, 640))),
        ImageRef(id="vol", uri="v.tif", name="v.tif", axes="zyx"),
    ),
    classes=(ObjectClass(name="nucleus", value=1), ObjectClass(name="debris", value=2)),
)


def shape_of(image: ImageRef) -> tuple[int, ...]:
    return (9, *SHAPE) if image.ndim == 3 else SHAPE


def listed(
    name: str, *boxes: tuple[float, ...], cls: str = "nucleus", **fields: Any
) -> ListedImage:
    rows = tuple(ListedBox(f"box {n}", cls, b) for n, b in enumerate(boxes, 1))  # type: ignore[arg-type]
    return ListedImage("here", name, rows, **fields)


def test_boxes_go_to_the_region_that_holds_their_middle() -> None:
    image = listed("b.tif", (0, 0, 9, 9), (0, 290, 9, 320), (390, 400, 470, 500))
    placed = place_boxes([image], PROJECT, shape_of)
    assert [len(placed.rows[i]) for i in ("left", "right")] == [1, 1]
    assert placed.outside == 1
    assert placed.boxes_of("right").corners.tolist() == [[0, 290, 9, 320]]


def test_listed_without_boxes_is_empty_and_not_listed_is_unknown() -> None:
    placed = place_boxes([listed("a", by_stem=True)], PROJECT, shape_of)
    assert placed.rows == {"a": []}
    assert len(placed.boxes_of("a")) == 0


def test_doubles_ignored_and_renamed_classes() -> None:
    image = listed("a.tif", (0, 0, 9, 9), (0, 0, 9, 9), cls="nuc")
    junk = listed("a.tif", (0, 0, 9, 9), cls="junk")
    naming = Naming(rename={"nuc": "nucleus"}, ignored=["junk"])
    placed = place_boxes([image, junk], PROJECT, shape_of, naming)
    assert (placed.duplicates, placed.ignored, len(placed.rows["a"])) == (1, 1, 1)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (listed("c.tif"), "image 'c.tif' is not in the project"),
        (listed("a.tif", (0, 0, 9, 9), cls="cell"), "box 1: class 'cell' is not in the project"),
        (listed("a.tif", (0, 0, 9, 9), (470, 0, 500, 9)), "box 2: the center of the box"),
        (listed("a.tif", size=(240, 320)), "drawn on 240 x 320 pixels.*480 x 640"),
        (listed("v.tif"), "used as a volume"),
    ],
)
def test_what_does_not_fit_the_project_is_said(image: ListedImage, said: str) -> None:
    with pytest.raises(InputError, match=said):
        place_boxes([image], PROJECT, shape_of)


def test_unknown_images_are_counted_where_that_is_wished() -> None:
    images = [listed("c.tif", (0, 0, 9, 9)), listed("a.tif")]
    placed = place_boxes(images, PROJECT, shape_of, Naming(skip_unknown=True))
    assert (placed.unknown_images, list(placed.rows)) == (1, ["a"])


def test_image_labels_are_sets_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,class\na.tif,nucleus\na.tif,dust\na.tif,nucleus\nb.tif,\nx.tif,debris\n")
    naming = Naming(rename={"dust": "debris"}, skip_unknown=True)
    shown, unknown, notes = read_image_labels(path, PROJECT, naming)
    assert shown == {"a": {1, 2}, "left": set(), "right": set()}
    assert (unknown, notes) == (1, [])
    path.write_text(path.read_text().replace("a.tif", "A.png"))
    again, _, notes = read_image_labels(path, PROJECT, naming)
    assert (again, notes) == (shown, ["'A.png' was taken for 'a.tif'"])
    path.write_text(path.read_text().replace("A.png", "a.tif"))
    with pytest.raises(UnknownNameError, match="row 3: class 'dust'"):
        read_image_labels(path, PROJECT)


NAPARI = "index,axis-0,axis-1\n0.0,30.5,40.25\n1.0,7.0,8.0\n"


def test_points_of_a_napari_layer_are_clicks(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(NAPARI)
    clicks, _ = read_points(path, PROJECT, shape_of, image="a.tif", class_name="debris")
    assert [(c.image, c.cls, c.position) for c in clicks] == [
        ("a", 2, (30.5, 40.25)),
        ("a", 2, (7.0, 8.0)),
    ]
    path.write_text("index,axis-0,axis-1,axis-2,class\n0,3,30.5,40,debris\n")
    (click,), _ = read_points(path, PROJECT, shape_of, image="v.tif")
    assert (click.image, click.cls, click.position) == ("vol", 2, (3.0, 30.5, 40.0))
    path.write_text(NAPARI)
    clicks, _ = read_points(path, PROJECT, shape_of, image="a.tif", class_name=NEGATIVE_NAME)
    assert [c.cls for c in clicks] == [NOT_AN_OBJECT, NOT_AN_OBJECT]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"class_name": "debris"}, "names no image.*--image"),
        ({"image": "a.tif"}, "names no class.*--class"),
        ({"image": "v.tif", "class_name": "debris"}, "is a volume"),
    ],
)
def test_what_a_points_layer_does_not_tell_is_asked(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    path = tmp_path / "points.csv"
    path.write_text(NAPARI)
    with pytest.raises(InputError, match=said):
        read_points(path, PROJECT, shape_of, **given)


def test_points_written_by_napari_itself_are_read(tmp_path: Path) -> None:
    writers = pytest.importorskip("napari_builtins.io")
    path = tmp_path / "points.csv"
    data = np.array([[30.5, 40.25], [7, 8]])
    assert writers.napari_write_points(str(path), data, {"name": "p", "metadata": {}})
    clicks, _ = read_points(path, PROJECT, shape_of, image="a.tif", class_name="nucleus")
    assert [c.position for c in clicks] == [(30.5, 40.25), (7.0, 8.0)]
