"""What models say of an image: objects, classes, heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Prediction:
    """The objects that a model found on one image.

    `ids` has the image region's spatial shape, int32, 0 = background; `objects` describes each
    id. `region_origin` is the full-image position of the first pixel. Of a classifier, `shown` is
    class value -> probability that the image shows it, and `thresholds` from which on it is
    reported; it finds no objects. Of a detector, `candidates` are all boxes, those below the
    thresholds, too; it gives boxes only, and `ids` are 0. Of a semantic model, `ids` are class
    values, and there are no objects.
    """

    image: str
    run: str
    ids: NDArray[np.int32]
    objects: tuple[FoundObject, ...]
    region_origin: tuple[int, ...] = (0, 0)
    shown: Mapping[int, float] = field(default_factory=dict)
    thresholds: Mapping[int, float] = field(default_factory=dict)
    candidates: tuple[FoundObject, ...] = ()

    @property
    def classes(self) -> dict[int, int]:
        """Instance id -> class value."""
        return {o.id: o.cls for o in self.objects}


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """Where on one image a model finds the evidence for each class.

    Attributes
    ----------
    image, run
        Ids.
    maps
        Class value -> map, float32, the image region's spatial shape. Raw: of any sign and scale,
        the same scale all over the image.
    method, layer
        How the maps were made; see `napari_synthseg.explain.cam`.
    region_origin
        Full-image position of the first pixel.
    """

    image: str
    run: str
    maps: Mapping[int, NDArray[np.float32]]
    method: str
    layer: str
    region_origin: tuple[int, ...] = (0, 0)


@dataclass(frozen=True)
class FoundObject:
    """One predicted object: `center` and `box` (half-open) in full-image pixels."""

    id: int
    cls: int
    score: float
    center: tuple[float, ...]
    box: tuple[tuple[float, float], ...]
    notes: tuple[str, ...] = field(default=())
