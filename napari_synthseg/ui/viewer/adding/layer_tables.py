"""Points and Shapes layers as the tables that napari saves, in pixels of the image in view.

So they are imported as files are, by the same rules.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from napari.layers import Layer, Points, Shapes
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerTable:
    """The things in a layer that lie on the shown plane of an image.

    Attributes
    ----------
    shapes
        Vertices of each thing (vertex, axis), ([z,] y, x) in pixels of the image; of a point one.
    kinds
        Type of each shape; 'point' for points.
    classes
        Class of each thing, or '' where the layer does not say.
    plane
        Axis -> index of the image's plane, for images that are planes of a stack.
    elsewhere
        Things on other planes, which are left out.
    """

    shapes: tuple[Float, ...]
    kinds: tuple[str, ...]
    classes: tuple[str, ...]
    plane: dict[str, int]
    elsewhere: int

    @property
    def axes(self) -> str:
        """A letter for each axis of the table."""
        ndim = self.shapes[0].shape[1] if self.shapes else 2
        return "".join(self.plane) + "zyx"[-ndim:]

    def write(self, path: Path) -> Path:
        """Write the table; return its path."""
        axes = [f"axis-{n}" for n in range(len(self.axes))]
        is_points = all(kind == "point" for kind in self.kinds)
        head = ["index"] if is_points else ["index", "shape-type", "vertex-index"]
        named = any(self.classes)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*head, *axes, *(["class"] if named else [])])
            things = zip(self.shapes, self.kinds, self.classes, strict=True)
            for number, (vertices, kind, cls) in enumerate(things):
                for place, vertex in enumerate(vertices.tolist()):
                    start = [number] if is_points else [number, kind, place]
                    row = [*start, *self.plane.values(), *vertex]
                    writer.writerow([*row, *([cls] if named else [])])
        return path


def read_layer(
    layer: Points | Shapes, image: DisplayedImage, ref: ImageRef, point: Sequence[float]
) -> LayerTable:
    """Return what lies on the shown plane of an image; `point` is where the sliders stand."""
    data = [np.atleast_2d(np.asarray(each, float)) for each in layer.data]
    kinds = tuple(layer.shape_type) if isinstance(layer, Shapes) else ("point",) * len(data)
    table = layer.features
    column = next((name for name in table.columns if str(name).lower() == "class"), None)
    classes = tuple(map(str, table[column])) if column is not None else ("",) * len(data)
    extra = max(layer.ndim - ref.ndim, 0)
    here = np.round(layer.world_to_data(point[-layer.ndim :]))[:extra] if extra else np.empty(0)
    chosen = [n for n, each in enumerate(data) if (np.round(each[:, :extra]) == here).all()]
    to_world, from_world = _map(layer, ref.ndim), _inverse(_map(image.layer, ref.ndim))
    return LayerTable(
        tuple(from_world(to_world(each[:, extra:])) for each in (data[n] for n in chosen)),
        tuple(kinds[n] for n in chosen),
        tuple(classes[n] for n in chosen),
        {axis: ref.plane[axis] for axis in "tz" if axis in ref.plane},
        len(data) - len(chosen),
    )


@dataclass(frozen=True, eq=False)
class _Affine:
    matrix: Float
    offset: Float

    def __call__(self, points: Float) -> Float:
        return np.asarray(points @ self.matrix.T + self.offset)


def _map(layer: Layer, ndim: int) -> _Affine:
    """Return the way from a layer's last axes to the world's: at least y and x."""
    axes = min(layer.ndim, ndim)
    zero = np.zeros(layer.ndim)
    offset = np.asarray(layer.data_to_world(zero), float)
    columns = [
        np.asarray(layer.data_to_world(unit), float) - offset for unit in np.eye(layer.ndim)[-axes:]
    ]
    return _Affine(np.array(columns, np.float64).T[-axes:], offset[-axes:])


def _inverse(affine: _Affine) -> _Affine:
    matrix = np.linalg.inv(affine.matrix).astype(np.float64)
    return _Affine(matrix, -matrix @ affine.offset)
