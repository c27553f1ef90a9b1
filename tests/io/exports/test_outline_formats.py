"""Outlines in files of other programs, read back by libraries that are not ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import grid_points_in_poly

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.io.exports.coco_masks import (
    count_runs,
    polygons,
    write_coco_polygons,
    write_coco_runs,
)
from napari_synthseg.io.exports.geojson import write_geojson
from napari_synthseg.io.exports.imagej_rois import write_imagej_rois
from napari_synthseg.io.exports.outlined import ExportedImage, OutlinedObject
from napari_synthseg.io.exports.yolo_segments import write_yolo_segments

CLASSES = (
    ObjectClass(name="nucleus", value=1, color="#ff8000"),
    ObjectClass(name="cell: big", value=4, color="#0000ff"),
)
SHAPE = (20, 30)


def outlined(mask: np.ndarray, corner: tuple[int, int], ident: int, cls: int) -> OutlinedObject:
    (y, x), (height, width) = corner, mask.shape
    return OutlinedObject(
        ident, cls, 0.75, (y, x, y + height, x + width), mask, {"area_px2": float(mask.sum())}
    )


@pytest.fixture
def image() -> ExportedImage:
    """A square, a ring with a hole, and an object of two parts; the last ends at the border."""
    square, ring, parts = (np.ones((4, 5), bool) for _ in range(3))
    ring[1:3, 1:3] = False
    parts[:, 2] = False
    things = (
        outlined(square, (0, 0), 1, 1),
        outlined(ring, (8, 10), 2, 4),
        outlined(parts, (16, 25), 12, 1),
    )
    return ExportedImage("day1/cells.tif", SHAPE, things, {"z": 3})


def painted(image: ExportedImage) -> np.ndarray:
    """Return the ids of all pixels."""
    ids = np.zeros(image.shape, int)
    for thing in image.objects:
        ymin, xmin, ymax, xmax = map(int, thing.box)
        ids[ymin:ymax, xmin:xmax][thing.mask] = thing.id
    return ids


def filled(rings: list[np.ndarray]) -> np.ndarray:
    """Return which pixels have their middle in an odd number of rings of (y, x)."""
    count = sum(grid_points_in_poly(SHAPE, ring - 0.5, binarize=True) for ring in rings)
    return np.asarray(count) % 2 == 1


# --- GeoJSON -------------------------------------------------------------------------------------


def test_geojson_holds_the_pixels_class_and_measurements(
    image: ExportedImage, tmp_path: Path
) -> None:
    write_geojson(tmp_path / "a.geojson", image, CLASSES)
    whole = json.loads((tmp_path / "a.geojson").read_text("utf-8"))
    assert whole["type"] == "FeatureCollection"
    ids = np.zeros(SHAPE, int)
    for feature, thing in zip(whole["features"], image.objects, strict=True):
        assert feature["type"] == "Feature"
        kind, places = feature["geometry"]["type"], feature["geometry"]["coordinates"]
        assert kind == ("MultiPolygon" if thing.id == 12 else "Polygon")
        parts = places if kind == "MultiPolygon" else [places]
        for ring in (ring for part in parts for ring in part):
            assert ring[0] == ring[-1]
            assert len(ring) >= 5
        rings = [np.array(ring[:-1])[:, ::-1] for part in parts for ring in part]
        ids[filled(rings)] = thing.id
    np.testing.assert_array_equal(ids, painted(image))
    first, second, _ = (feature["properties"] for feature in whole["features"])
    assert first["classification"] == {"name": "nucleus", "color": [255, 128, 0]}
    assert second["classification"]["name"] == "cell: big"
    assert first["measurements"] == {"score": 0.75, "area_px2": 20.0}
    assert len({feature["id"] for feature in whole["features"]}) == 3


def test_geojson_says_the_plane(image: ExportedImage, tmp_path: Path) -> None:
    for plane, said in ({"z": 3}, (3, 0)), ({"t": 2, "s": 1}, (0, 2)), ({"s": 1}, None):
        write_geojson(tmp_path / "a.geojson", replace(image, plane=plane), CLASSES)
        features = json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]
        expected = said and {"c": -1, "z": said[0], "t": said[1]}
        assert all(each["geometry"].get("plane") == expected for each in features)


def test_geojson_is_valid_and_turns_as_the_standard_says(
    image: ExportedImage, tmp_path: Path
) -> None:
    shapely = pytest.importorskip("shapely")
    write_geojson(tmp_path / "a.geojson", image, CLASSES)
    shapes = shapely.from_geojson((tmp_path / "a.geojson").read_text("utf-8"))
    assert [shape.area for shape in shapes.geoms] == [20, 16, 16]
    for shape in shapes.geoms:
        assert shapely.is_valid_reason(shape) == "Valid Geometry"
        for part in getattr(shape, "geoms", [shape]):
            assert shapely.is_ccw(part.exterior)
            assert not any(shapely.is_ccw(hole) for hole in part.interiors)


def test_geojson_of_nothing_is_an_empty_collection(tmp_path: Path) -> None:
    write_geojson(tmp_path / "a.geojson", ExportedImage("a.tif", SHAPE, ()), CLASSES)
    assert json.loads((tmp_path / "a.geojson").read_text()) == {
        "type": "FeatureCollection", "features": [],
    }  # fmt: skip


# --- ImageJ --------------------------------------------------------------------------------------


def test_imagej_rois_hold_the_pixels_names_colors_and_slice(
    image: ExportedImage, tmp_path: Path
) -> None:
    write_imagej_rois(tmp_path / "a.zip", image, CLASSES)
    rois: Any = roifile.roiread(tmp_path / "a.zip")
    assert [roi.name for roi in rois] == ["01-nucleus", "02-cell_ big", "12-nucleus"]
    assert [roi.z_position for roi in rois] == [4, 4, 4]
    assert [roi.group for roi in rois] == [1, 4, 1]
    assert rois[0].stroke_color == bytes((255, 255, 128, 0))
    assert (rois[0].left, rois[0].top, rois[0].right, rois[0].bottom) == (0, 0, 5, 4)
    assert (rois[2].left, rois[2].top, rois[2].right, rois[2].bottom) == (25, 16, 30, 20)
    ids = np.zeros(SHAPE, int)
    for roi, thing in zip(rois, image.objects, strict=True):
        found = roi.coordinates(multi=True)
        rings = found if isinstance(found, list) else [found]
        assert len(rings) == (1 if thing.id == 1 else 2)
        ids[filled([np.asarray(ring)[:, ::-1] for ring in rings])] = thing.id
    np.testing.assert_array_equal(ids, painted(image))


def test_imagej_rois_of_very_large_images_keep_their_place(tmp_path: Path) -> None:
    things = (
        outlined(np.ones((2, 3), bool), (40_000, 50_000), 1, 1),
        outlined(np.ones((2, 3), bool), (70_000, 90_000), 2, 1),
    )
    write_imagej_rois(tmp_path / "a.zip", ExportedImage("a.tif", (10**5, 10**5), things), CLASSES)
    rois: Any = roifile.roiread(tmp_path / "a.zip")
    for roi, (y, x) in zip(rois, [(40_000, 50_000), (70_000, 90_000)], strict=True):
        places = roi.coordinates()
        assert places.min(axis=0).tolist() == [x, y]
        assert places.max(axis=0).tolist() == [x + 3, y + 2]


# --- COCO and YOLO -------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [write_coco_polygons, write_coco_runs])
def test_coco_is_read_as_the_same_pixels(write, image: ExportedImage, tmp_path: Path) -> None:
    from faster_coco_eval import COCO

    empty = ExportedImage("empty.tif", (5, 5), ())
    write(tmp_path / "a.json", [empty, image], CLASSES)
    coco = COCO(str(tmp_path / "a.json"))
    assert [i["file_name"] for i in coco.loadImgs(coco.getImgIds())] == [empty.name, image.name]
    assert {c["id"]: c["name"] for c in coco.cats.values()} == {1: "nucleus", 4: "cell: big"}
    ids = np.zeros(SHAPE, int)
    for annotation, thing in zip(coco.loadAnns(coco.getAnnIds()), image.objects, strict=True):
        ids[coco.annToMask(annotation).astype(bool)] = thing.id
        ymin, xmin, ymax, xmax = thing.box
        assert annotation["bbox"] == [xmin, ymin, xmax - xmin, ymax - ymin]
        assert annotation["area"] == thing.mask.sum()
        assert (annotation["image_id"], annotation["category_id"]) == (2, thing.cls)
        assert (annotation["score"], annotation["iscrowd"]) == (0.75, 0)
    np.testing.assert_array_equal(ids, painted(image))


@given(
    arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))).filter(np.any),
    st.integers(0, 2), st.integers(0, 2), st.integers(0, 2),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_runs_and_polygons_of_any_object_are_its_pixels(
    mask: np.ndarray, top: int, left: int, below: int
) -> None:
    from faster_coco_eval import mask as coco

    shape = (mask.shape[0] + top + below, mask.shape[1] + left)
    thing = outlined(mask, (top, left), 1, 1)
    expected = np.zeros(shape, bool)
    expected[top : top + mask.shape[0], left:] = mask
    runs = count_runs(thing, shape)
    assert all(run > 0 for run in runs["counts"][1:-1])
    np.testing.assert_array_equal(coco.decode(coco.frPyObjects(runs, *shape)), expected)
    parts = coco.frPyObjects(polygons(thing), *shape)
    np.testing.assert_array_equal(coco.decode(coco.merge(parts)), expected)


def test_yolo_segments_are_one_outline_of_the_same_pixels(
    image: ExportedImage, tmp_path: Path
) -> None:
    write_yolo_segments(tmp_path / "a.txt", image, {1: 0, 4: 1})
    rows = [line.split() for line in (tmp_path / "a.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == ["0", "1", "0"]
    ids = np.zeros(SHAPE, int)
    for row, thing in zip(rows, image.objects, strict=True):
        corners = np.array(row[1:], float).reshape(-1, 2)[:, ::-1] * SHAPE
        ids[filled([np.round(corners, 6)])] = thing.id
    np.testing.assert_array_equal(ids, painted(image))


def test_a_box_is_a_rectangle() -> None:
    thing = OutlinedObject(1, 1, 0.5, (1.5, 2, 4, 7.25))
    (polygon,) = thing.polygons
    assert polygon.exterior.min(axis=0).tolist() == [1.5, 2]
    assert polygon.exterior.max(axis=0).tolist() == [4, 7.25]
