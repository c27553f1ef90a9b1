"""GeoJSON as QuPath exports it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.base import LeftOut
from tests.helpers.outlines import box, drawn, read_nonsense, read_one


def ring(ymin: float, xmin: float, ymax: float, xmax: float) -> list[list[float]]:
    return [[xmin, ymin], [xmax, ymin], [xmax, ymax], [xmin, ymax], [xmin, ymin]]


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def saved(folder: Path, *features: Any, name: str = "cells.geojson") -> Path:
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_polygons_are_counted_from_the_corner_and_have_holes(tmp_path: Path) -> None:
    tumor = {"name": "Tumor", "color": [200, 0, 0]}
    path = saved(
        tmp_path,
        feature("Polygon", [ring(5, 10, 9, 20)], classification=tumor, objectType="annotation"),
        feature(
            "MultiPolygon",
            [[ring(0, 0, 10, 10), ring(2, 3, 4, 7)], [ring(20, 20, 22, 25)]],
            classification={"names": ["Tumor", "Positive"]},
        ),
    )
    image = read_one(path)
    assert image.name is None and image.left_out == () and image.points == ()
    first, second = image.outlines
    assert (first.cls, second.cls) == ("Tumor", "Tumor: Positive")
    assert (drawn(first.area) == box(5, 10, 9, 20)).all()
    expected = box(0, 0, 10, 10) & ~box(2, 3, 4, 7) | box(20, 20, 22, 25)
    assert (drawn(second.area) == expected).all()
    assert first.where == "cells.geojson, feature 1"


def test_points_are_turned_into_positions(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        feature("Point", [10.5, 20.5], classification={"name": "Mitosis"}),
        feature("MultiPoint", [[0, 0], [3.5, 7.25]], name="counted"),
    )
    points = read_one(path).points
    assert [p.position for p in points] == [(20, 10), (-0.5, -0.5), (6.75, 3)]
    named = [(p.cls, p.title) for p in points]
    assert named == [("Mitosis", ""), ("", "counted"), ("", "counted")]


def test_a_list_a_feature_and_a_geometry_are_read(tmp_path: Path) -> None:
    one = feature("Polygon", [ring(5, 10, 9, 20)])
    collection = {"type": "GeometryCollection", "geometries": [one["geometry"]] * 2}
    for number, whole in enumerate([[one], one, one["geometry"], collection]):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(whole))
        (outline,) = read_one(path).outlines
        assert (drawn(outline.area) == box(5, 10, 9, 20)).all()


def test_ellipses_are_round(tmp_path: Path) -> None:
    oval = feature("Polygon", [[[15, 5], [20, 10], [15, 15], [10, 10], [15, 5]]])
    oval["geometry"]["isEllipse"] = True
    (outline,) = read_one(saved(tmp_path, oval)).outlines
    mask = drawn(outline.area)
    assert mask.sum() == 80 and mask[6, 12] and mask[5, 14]  # an oval of 10 pixels in ImageJ


def test_cells_within_annotations(tmp_path: Path) -> None:
    cell = feature("Polygon", [ring(5, 10, 9, 20)], objectType="cell", measurements={"a": 1})
    cell["nucleusGeometry"] = {"type": "Polygon", "coordinates": [ring(6, 11, 7, 12)]}
    around = feature(
        "Polygon", [ring(0, 0, 40, 60)], objectType="annotation", childObjects=[cell, cell]
    )
    image = read_one(saved(tmp_path, around))
    assert len(image.outlines) == 2
    assert Counter(each.what for each in image.left_out) == {
        "annotation(s) round detected objects": 1,
        "nucleus outline(s) within cells": 2,
        "list(s) of measurements": 2,
    }
    assert all(each.cls is None for each in image.left_out)  # no object is missing


def test_planes_are_kept(tmp_path: Path) -> None:
    at = feature("Polygon", [ring(5, 10, 9, 20)])
    at["geometry"]["plane"] = {"c": -1, "z": 3, "t": 0}
    (outline,) = read_one(saved(tmp_path, at)).outlines
    assert outline.plane == {"z": 3, "t": 0}


def test_lines_and_outlines_without_an_area_are_told(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        feature("LineString", [[0, 0], [5, 5]], classification={"name": "Axon"}),
        feature("Polygon", [[[0, 0], [5, 5]]]),
        feature("Polygon", []),
    )
    image = read_one(path)
    assert image.outlines == ()
    assert image.left_out == (
        LeftOut("line(s)", "Axon"),
        LeftOut("outline(s) without an area"),
        LeftOut("outline(s) without an area"),
    )


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ([{"type": "Feature", "properties": {}}], "feature 1: it has no geometry"),
        ([feature("Polygon", {"a": 1})], "feature 1: its geometry has no list of coordinates"),
        ([feature("Polygon", [[["a", 1]]])], "feature 1: its points are no list of pairs"),
        ([feature("Point", [1])], "feature 1: its points are no list of pairs"),
        ([feature("Point", [1e99, 3])], "feature 1: one of its points lies at no pixel"),
        ([feature("Curve", [[1, 2]])], "feature 1: its geometry has the type 'Curve'"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, features: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"cells\.geojson, {said}"):
        read_one(saved(tmp_path, *features))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(-3, 99),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "coordinates", "geometry", "properties", "plane", "z"]), inner
        )
        | st.builds(
            lambda kind, inside: {"type": kind, "coordinates": inside, "geometries": inside},
            st.sampled_from(["Point", "MultiPolygon", "Polygon", "GeometryCollection"]),
            inner,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_nonsense_is_bad_input(content: Any) -> None:
    with TemporaryDirectory() as folder:
        feature = {"type": "Feature", "geometry": content, "properties": {"name": content}}
        read_nonsense("geojson", saved(Path(folder), feature, content))
