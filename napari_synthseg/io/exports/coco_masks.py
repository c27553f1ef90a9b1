"""Objects with their pixels as COCO has them: polygons, or runs of pixels (RLE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.boxes import Corners
from napari_synthseg.io.coco_tables import write_coco
from napari_synthseg.io.exports.outlined import ExportedImage, OutlinedObject, flat_xy
from napari_synthseg.io.outlines.on_images.tracing import joined_ring

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
    objects = (
        (number, _whole_numbers(thing.box), thing.cls, {
            "segmentation": segmentation(thing, image.shape),
            "area": 0 if thing.mask is None else int(np.count_nonzero(thing.mask)),
            "score": round(thing.score, 4),
        })
        for number, image in enumerate(images)
        for thing in image.objects
    )  # fmt: skip
    names = {c.value: c.name for c in classes}
    write_coco(path, [(image.name, image.shape) for image in images], objects, names)


def _whole_numbers(box: Corners) -> Corners:
    """Return a box whose whole numbers are written without a point."""
    ymin, xmin, ymax, xmax = (int(v) if float(v).is_integer() else float(v) for v in box)
    return ymin, xmin, ymax, xmax
