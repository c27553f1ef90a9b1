"""Where a layer lies in the world, so that every layer we add lies exactly on its image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class Placement:
    """The way from image pixels (y, x) to napari's world, with its units."""

    scale: tuple[float, ...] = (1.0, 1.0)
    translate: tuple[float, ...] = (0.0, 0.0)
    rotate: Any = None
    shear: Any = None
    affine: Any = None
    units: tuple[str, ...] | None = None

    @classmethod
    def of(cls, layer: Layer) -> Placement:
        """Return the placement of a layer's last two axes."""
        return cls(
            scale=tuple(float(v) for v in layer.scale[-2:]),
            translate=tuple(float(v) for v in layer.translate[-2:]),
            rotate=np.asarray(layer.rotate)[-2:, -2:],
            shear=np.asarray(layer.shear).ravel()[-1:],
            affine=np.asarray(layer.affine.set_slice([layer.ndim - 2, layer.ndim - 1])),
            units=tuple(str(u) for u in layer.units[-2:]),
        )

    @classmethod
    def of_pixel_size(cls, size: Sequence[float] | None, unit: str) -> Placement:
        """Return the placement of an image of which only the pixel size is known."""
        if size is None:
            return cls()
        named = "pixel" if unit == "px" else unit
        return cls(scale=tuple(float(v) for v in size[-2:]), units=(named, named))

    def at(self, origin: Sequence[float]) -> Placement:
        """Return the placement of a cut-out whose first pixel is the image's pixel `origin`."""
        moved = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self.shear
        )(np.asarray(origin, float))
        return replace(self, translate=tuple(float(v) for v in np.ravel(moved)))

    def of_stack(self, axes: int, corner: Sequence[float]) -> Placement:
        """Return a placement for a stack with `axes` leading axes, laid at a world `corner`.

        Keeps pixel size and units, but neither rotation nor affine: the stack shows other pixels.
        """
        units = None if self.units is None else ("pixel",) * axes + self.units
        return Placement(
            scale=(1.0,) * axes + self.scale,
            translate=(0.0,) * axes + tuple(float(v) for v in corner),
            units=units,
        )

    def kwargs(self) -> dict[str, Any]:
        """Return the keyword arguments of napari's layers."""
        return {k: v for k, v in vars(self).items() if v is not None}
