"""Objects with their pixels as COCO has them: polygons, or runs of pixels (RLE)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.exports.outlined import ExportedImage, OutlinedObject, flat_xy
from napari_synthseg.io.outlines.tracing import joined_ring

Segmentation = Callable[[OutlinedObject, tuple[int, int]], Any]


def write_coco_polygons(
    path: Path, images: Sequence[ExportedImage], classes: Sequence[ObjectClass]
) -> None:
    """Write a polygon for each part of an object.

    COCO's polygons have no holes: the line goes to the hole, round it, and back on the same way,
    so that the hole stays empty when the polygon is filled.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    _write(path, images, classes, lambda thing, _: polygons(thing))


def write_coco_runs(
    path: Path, images: Sequence[ExportedImage], classes: Sequence[ObjectClass]
) -> None:
    """Write the runs of each object's pixels, uncompressed.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    _write(path, images, classes, count_runs)


def polygons(thing: OutlinedObject) -> list[list[float]]:
    """Return ``x, y, ...`` of each part of an object."""
    return [flat_xy(joined_ring([polygon])) for polygon in thing.polygons]


def count_runs(thing: OutlinedObject, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the lengths of runs outside and inside an object in turn, column by column."""
    assert thing.mask is not None
    top, left = int(thing.box[0]), int(thing.box[1])
    columns = np.pad(thing.mask, ((1, 1), (0, 0))).T.astype(np.int8)
    x, y = np.nonzero(np.diff(columns, axis=1))  # where each run starts, and the next one
    edges = (x + left) * shape[0] + y + top
    starts, ends = edges[::2], edges[1::2]
    apart = np.append(True, starts[1:] != ends[:-1])  # one column may end where the next starts
    edges = np.column_stack([starts[apart], np.append(ends[:-1][apart[1:]], ends[-1])]).ravel()
    whole = shape[0] * shape[1]
    return {"size": list(shape), "counts": np.diff(edges, prepend=0, append=whole).tolist()}


def _write(
    path: Path,
    images: Sequence[ExportedImage],
    classes: Sequence[ObjectClass],
    segmentation: Segmentation,
) -> None:
    things = ((n, image, thing) for n, image in enumerate(images, 1) for thing in image.objects)
    annotations = [
        {
            "id": number,
            "image_id": image_id,
            "category_id": thing.cls,
            "segmentation": segmentation(thing, image.shape),
            "bbox": flat_xy(_corner_and_size(thing)),
            "area": 0 if thing.mask is None else int(np.count_nonzero(thing.mask)),
            "iscrowd": 0,
            "score": round(thing.score, 4),
        }
        for number, (image_id, image, thing) in enumerate(things, start=1)
    ]
    whole = {
        "images": [
            {"id": n, "file_name": i.name, "height": i.shape[0], "width": i.shape[1]}
            for n, i in enumerate(images, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": c.value, "name": c.name} for c in classes],
    }
    write_text(path, json.dumps(whole))


def _corner_and_size(thing: OutlinedObject) -> Any:
    ymin, xmin, ymax, xmax = thing.box
    return np.array([(ymin, xmin), (ymax - ymin, xmax - xmin)])
