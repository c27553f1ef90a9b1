"""GeoJSON as QuPath reads and writes it: one feature an object, places in pixels of the image.

QuPath's places count from the corner of the first pixel, as ours of boxes and polygons do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.exports.outlined import ExportedImage, OutlinedObject, points_xy

_NAMESPACE = uuid.UUID("5d0c1d2e-7a1e-5c1a-9a34-0d6f1f3e8b11")
"""Makes ids of objects that are the same whenever the same is exported."""


def write_geojson(path: Path, image: ExportedImage, classes: Sequence[ObjectClass]) -> None:
    """Write the objects of one image as detections with class, score and measurements.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    by_value = {c.value: c for c in classes}
    features = [_feature(image, thing, by_value[thing.cls]) for thing in image.objects]
    write_text(path, json.dumps({"type": "FeatureCollection", "features": features}))


def _feature(image: ExportedImage, thing: OutlinedObject, cls: ObjectClass) -> dict[str, Any]:
    color = [int(cls.color[n : n + 2], 16) for n in (1, 3, 5)]
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{image.name}/{thing.id}")),
        "geometry": {**_geometry(thing), **_plane(image)},
        "properties": {
            "objectType": "detection",
            "name": str(thing.id),
            "classification": {"name": cls.name, "color": color},
            "measurements": {"score": round(thing.score, 4), **thing.measures},
        },
    }


def _plane(image: ExportedImage) -> dict[str, Any]:
    """Return the plane of a stack that an image is, of all channels; nothing of other images."""
    if not {"z", "t"} & image.plane.keys():
        return {}
    return {"plane": {"c": -1, "z": image.plane.get("z", 0), "t": image.plane.get("t", 0)}}


def _geometry(thing: OutlinedObject) -> dict[str, Any]:
    parts = [
        [[*points, points[0]] for points in map(points_xy, polygon.rings)]
        for polygon in thing.polygons
    ]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}
