"""Outlines and points in GeoJSON, as QuPath writes them: pixels counted from the corner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import Area, EllipseArea, PolygonArea, Ring
from napari_synthseg.io.outlines.base import (
    NO_AREA,
    Found,
    LeftOut,
    ListedOutline,
    ListedPoint,
    OutlinedImage,
    OutlineFormat,
    SizeOf,
    center_of_pixel,
    make_points,
    make_ring,
)
from napari_synthseg.io.sniffing import SniffedFile

SHAPES = {
    "Point", "MultiPoint", "Polygon", "MultiPolygon", "GeometryCollection", "LineString",
    "MultiLineString",
}  # fmt: skip

DETECTED = {"detection", "cell"}
"""Kinds of objects in QuPath that lie in an annotation in which they were looked for."""

LEGACY_KINDS = {
    "PathAnnotationObject": "annotation",
    "PathCellObject": "cell",
    "PathDetectionObject": "detection",
    "PathTileObject": "tile",
    "TMACoreObject": "tmaCore",
}
"""What QuPath 0.2 wrote as id -> the kind of object."""

OTHER_KINDS = {
    "tile": "tile(s)",
    "tmaCore": "core(s) of a tissue microarray",
    "root": "outline(s) of the whole image",
}
"""Kinds of objects in QuPath that are none of ours."""


class GeoJsonFormat(OutlineFormat):
    """GeoJSON of pixels: features, a list of them, or a single one. It names no image."""

    name = "geojson"
    title = "GeoJSON (QuPath)"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it holds a feature or a geometry."""
        first = file.json[0] if isinstance(file.json, list) and file.json else file.json
        return isinstance(first, dict) and str(first.get("type")) in {
            "FeatureCollection", "Feature", *SHAPES,
        }  # fmt: skip

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all features, and those within them; see `OutlineFormat.read`."""
        features = [
            _Feature(f"{file.path.name}, feature {n}", each)
            for n, each in enumerate(_features(file.json), start=1)
        ]
        detected = any(each.kind in DETECTED for each in features)
        found: list[Found] = []
        for feature in features:
            if feature.kind in OTHER_KINDS:
                found.append(LeftOut(OTHER_KINDS[feature.kind]))
            elif feature.kind == "annotation" and detected:
                found.append(LeftOut("annotation(s) round detected objects"))
            else:
                found += feature.contents()
        return (OutlinedImage.of(file.path.name, None, found),)


def _features(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all features, parents before what lies in them."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        elif isinstance(each, dict) and each.get("type") == "FeatureCollection":
            waiting.append(each.get("features"))
        elif isinstance(each, dict) and str(each.get("type")) in SHAPES:
            yield {"geometry": each}
        elif isinstance(each, dict):
            yield each
            properties = each.get("properties")
            children = properties.get("childObjects") if isinstance(properties, dict) else None
            waiting += [children] if children else []


class _Feature:
    """One object of QuPath, or several points."""

    def __init__(self, where: str, feature: dict[str, Any]) -> None:
        found = feature.get("properties")
        properties: dict[str, Any] = found if isinstance(found, dict) else {}
        self.where = where
        self.kind = str(
            properties.get("objectType")
            or properties.get("object_type")
            or LEGACY_KINDS.get(str(feature.get("id")), "")
        )
        self.cls = _class_name(properties.get("classification"))
        self.title = str(properties.get("name") or "").strip()
        self.has_nucleus = bool(feature.get("nucleusGeometry"))
        self.has_measurements = bool(properties.get("measurements"))
        geometry = feature.get("geometry")
        if not isinstance(geometry, dict):
            raise InputError(f"{where}: it has no geometry.")
        self.plane = _plane(where, geometry.get("plane"))
        self._parts = list(_parts(where, geometry))
        self._is_ellipse = bool(geometry.get("isEllipse"))

    def contents(self) -> Iterator[Found]:
        """Yield its outline or its points, and what cannot be taken over."""
        polygons = tuple(part for part in self._parts if isinstance(part, tuple))
        if polygons:
            area: Area = PolygonArea(polygons)
            area = _ellipse_in(area) if self._is_ellipse else area
            yield ListedOutline(self.where, self.cls, area, False, self.plane, self.title)
        for part in self._parts:
            if isinstance(part, np.ndarray):
                at = center_of_pixel(part.tolist())
                yield ListedPoint(self.where, self.cls, at, self.plane, self.title)
            elif isinstance(part, str):
                yield LeftOut(part, None if part == NO_AREA else self.cls)
        if self.has_nucleus:
            yield LeftOut("nucleus outline(s) within cells")
        if self.has_measurements:
            yield LeftOut("list(s) of measurements")


def _class_name(value: Any) -> str:
    """Return the name of a class; QuPath joins that of a derived one by colons."""
    if isinstance(value, Mapping):
        names = value.get("names")
        value = ": ".join(map(str, names)) if isinstance(names, list) else value.get("name")
    return str(value or "").strip()


Part = tuple[Ring, ...] | Ring | str
"""The rings of a polygon, a point, or what else there is."""


def _parts(where: str, geometry: dict[str, Any]) -> Iterator[Part]:
    """Yield all that a geometry consists of."""
    waiting = [geometry]
    while waiting:
        each = waiting.pop()
        kind = str(each.get("type") if isinstance(each, dict) else each)[:20]
        if kind not in SHAPES:
            raise InputError(f"{where}: its geometry has the type '{kind}', unknown to GeoJSON.")
        if kind == "GeometryCollection":
            waiting += reversed(_list(where, each.get("geometries")))
        elif "LineString" in kind:
            yield "line(s)"
        else:
            found = each.get("coordinates")
            listed = _list(where, found) if kind.startswith("Multi") else [found]
            yield from (
                make_points(where, listed)
                if "Point" in kind
                else (_polygon(where, _list(where, rings)) for rings in listed)
            )


def _polygon(where: str, coordinates: list[Any]) -> tuple[Ring, ...] | str:
    first, *holes = [make_ring(where, ring) for ring in coordinates] or [None]
    return NO_AREA if first is None else (first, *(hole for hole in holes if hole is not None))


def _ellipse_in(polygon: Area) -> EllipseArea:
    """Return the ellipse that QuPath writes as a polygon."""
    ymin, xmin, ymax, xmax = polygon.bounds
    return EllipseArea(
        ((ymin + ymax) / 2, (xmin + xmax) / 2), ((ymax - ymin) / 2, (xmax - xmin) / 2)
    )


def _list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{where}: its geometry has no list of coordinates.")
    return value


def _plane(where: str, value: Any) -> dict[str, int]:
    """Return the plane of a stack that QuPath names."""
    found = {axis: value.get(axis) for axis in "zt"} if isinstance(value, dict) else {}
    if not all(isinstance(index, int | None) for index in found.values()):
        raise InputError(f"{where}: its plane is no pair of whole numbers z and t.")
    return {axis: int(index) for axis, index in found.items() if index is not None and index >= 0}
