"""Points and Shapes layers as the tables that napari saves, in pixels of the image in view.

So they are imported as files are, by the same rules.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer, Points, Shapes
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Affine:
    matrix: Float
    offset: Float

    def __call__(self, points: Float) -> Float:
        return np.asarray(points @ self.matrix.T + self.offset)


@dataclass(frozen=True, eq=False)
class LayerTable:
    """The things in a layer that lie on the shown plane of an image.

    Attributes
    ----------
    vertices
        Of one thing after the other (vertex, axis), ([z,] y, x) in pixels of the image.
    counts
        How many vertices each thing has; a point has one.
    kinds
        Type of each shape; none for points.
    classes
        Class of each thing; none where the layer does not say.
    plane
        Axis -> index of the image's plane, for images that are planes of a stack.
    elsewhere
        Things on other planes, which are left out.
    """

    vertices: Float
    counts: NDArray[np.intp]
    kinds: tuple[str, ...]
    classes: tuple[str, ...]
    plane: dict[str, int]
    elsewhere: int

    @property
    def axes(self) -> str:
        """A letter for each axis of the table."""
        return "".join(self.plane) + "zyx"[-self.vertices.shape[1] :]

    def write(self, path: Path) -> Path:
        """Write the table; return its path."""
        owners = np.repeat(np.arange(len(self.counts)), self.counts)
        places = np.arange(len(owners)) - np.repeat(
            np.cumsum(self.counts) - self.counts, self.counts
        )
        named = any(self.classes)
        head = ["index", "shape-type", "vertex-index"] if self.kinds else ["index"]
        axes = [f"axis-{n}" for n in range(len(self.axes))]
        indices = tuple(self.plane.values())
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*head, *axes, *(["class"] if named else [])])
            rows = zip(owners.tolist(), places.tolist(), self.vertices.tolist(), strict=True)
            for number, place, vertex in rows:
                start = (number, self.kinds[number], place) if self.kinds else (number,)
                end = (self.classes[number],) if named else ()
                writer.writerow((*start, *indices, *vertex, *end))
        return path


@dataclass(frozen=True, eq=False)
class LayerThings:
    """What a layer held when it was looked at, and how it lay on an image.

    Attributes
    ----------
    vertices, counts, kinds
        As in `LayerTable`, of all things, in pixels of the layer.
    classes
        The layer's column of classes, if it has one.
    here
        Index of the shown plane along each of the layer's axes before the image's.
    shown
        Where the shown plane lies in the world, along the image's axes that the layer lacks.
    to_world, from_world
        From pixels of the layer to those of the image.
    plane
        As in `LayerTable`.
    """

    vertices: Float
    counts: NDArray[np.intp]
    kinds: tuple[str, ...]
    classes: NDArray[Any] | None
    here: Float
    shown: Float
    to_world: _Affine
    from_world: _Affine
    plane: dict[str, int]

    @classmethod
    def of(
        cls, layer: Points | Shapes, image: DisplayedImage, ref: ImageRef, point: Sequence[float]
    ) -> LayerThings:
        """Look at a layer, in a moment; `point` is where the sliders stand."""
        data = layer.data if isinstance(layer, Shapes) else [layer.data]
        counts = list(map(len, data)) if isinstance(layer, Shapes) else [1] * len(layer.data)
        table = layer.features
        column = next((name for name in table.columns if str(name).lower() == "class"), None)
        extra, lacking = max(layer.ndim - ref.ndim, 0), max(ref.ndim - layer.ndim, 0)
        return cls(
            np.concatenate([np.empty((0, layer.ndim)), *data]),
            np.array(counts, np.intp),
            tuple(layer.shape_type) if isinstance(layer, Shapes) else (),
            table[column].to_numpy(copy=True) if column is not None else None,
            np.round(layer.world_to_data(point[-layer.ndim :]))[:extra] if extra else np.empty(0),
            np.asarray(point[-ref.ndim :][:lacking], float),
            _map(layer, ref.ndim),
            _inverse(_map(image.layer, ref.ndim)),
            {axis: ref.plane[axis] for axis in "tz" if axis in ref.plane},
        )

    def on_plane(self) -> LayerTable:
        """Return what lies on the shown plane of the image."""
        extra = len(self.here)
        owners = np.repeat(np.arange(len(self.counts)), self.counts)
        is_elsewhere = (np.round(self.vertices[:, :extra]) != self.here).any(axis=1)
        is_here = np.ones(len(self.counts), bool)
        is_here[owners[is_elsewhere]] = False
        chosen = np.flatnonzero(is_here).tolist()
        world = self.to_world(self.vertices[is_here[owners], extra:])
        above = np.broadcast_to(self.shown, (len(world), len(self.shown)))
        return LayerTable(
            self.from_world(np.hstack([above, world])),
            self.counts[is_here],
            tuple(self.kinds[n] for n in chosen) if self.kinds else (),
            tuple(str(self.classes[n]) for n in chosen) if self.classes is not None else (),
            self.plane,
            len(self.counts) - len(chosen),
        )


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
