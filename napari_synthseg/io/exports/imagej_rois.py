"""Sets of ImageJ's regions of interest: a zip with an outline for each object."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.exports.outlined import ExportedImage, OutlinedObject

_MOVE_TO, _LINE_TO, _CLOSE = 0.0, 1.0, 4.0
"""Steps of a path, as `java.awt.geom.PathIterator` numbers them."""

_LAST_GROUP = 255
"""ImageJ has this many groups of regions of interest."""


def write_imagej_rois(path: Path, image: ExportedImage, classes: Sequence[ObjectClass]) -> None:
    """Write the objects of one image.

    Each is named after id and class, has the class's color and its value as group. Outlines run
    along the edges of pixels, so that ImageJ's mask of one holds exactly the object's pixels;
    objects with holes or several parts are composite. On a stack they lie on their own slice.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    by_value = {c.value: c for c in classes}
    digits = len(str(max((thing.id for thing in image.objects), default=0)))

    def write(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for thing in image.objects:
                name = f"{thing.id:0{digits}d}-{_safe(by_value[thing.cls].name)}"
                roi = _roi(image, thing, by_value[thing.cls], name)
                archive.writestr(zipfile.ZipInfo(f"{name}.roi"), roi.tobytes())

    replace_file(path, write)


def _roi(image: ExportedImage, thing: OutlinedObject, cls: ObjectClass, name: str) -> Any:
    import roifile

    rings = [ring[:, ::-1] for polygon in thing.polygons for ring in polygon.rings]
    place = {axis: image.plane[axis] for axis in "zt" if axis in image.plane}
    roi = roifile.ImagejRoi.frompoints(rings[0], name=name, **place)
    low, high = rings[0].min(axis=0), rings[0].max(axis=0)
    roi.roitype = roifile.ROI_TYPE.TRACED
    if len(rings) > 1:
        low, high = np.concatenate(rings).min(axis=0), np.concatenate(rings).max(axis=0)
        roi.roitype = roifile.ROI_TYPE.RECT
        roi.multi_coordinates = np.concatenate([_path(ring) for ring in rings])
        roi.shape_roi_size = len(roi.multi_coordinates)
        roi.integer_coordinates = roi.subpixel_coordinates = None
        roi.n_coordinates = 0
    roi.left, roi.top = (int(v) for v in np.floor(low))
    roi.right, roi.bottom = (int(v) for v in np.ceil(high))
    roi.stroke_color = bytes((255, *(int(cls.color[n : n + 2], 16) for n in (1, 3, 5))))
    roi.group = cls.value if cls.value <= _LAST_GROUP else 0
    roi.props = f"class: {cls.name}\nscore: {thing.score:.4f}\n"
    return roi


def _path(ring: Any) -> Any:
    """Return a closed path: step and place of each corner, then the step that closes it."""
    steps = [_MOVE_TO] + [_LINE_TO] * (len(ring) - 1)
    return np.append(np.column_stack([steps, ring]).ravel(), _CLOSE).astype(np.float32)


def _safe(name: str) -> str:
    """Return a class's name as part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name)
