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
    """The way from image pixels ([z,] y, x) to napari's world, with its units."""

    scale: tuple[float, ...] = (1.0, 1.0)
    translate: tuple[float, ...] = (0.0, 0.0)
    rotate: Any = None
    shear: Any = None
    affine: Any = None
    units: tuple[str, ...] | None = None

    @classmethod
    def of(cls, layer: Layer, ndim: int = 2) -> Placement:
        """Return the placement of a layer's last `ndim` axes."""
        axes = list(range(layer.ndim - ndim, layer.ndim))
        return cls(
            scale=tuple(float(v) for v in layer.scale[-ndim:]),
            translate=tuple(float(v) for v in layer.translate[-ndim:]),
            rotate=np.asarray(layer.rotate)[-ndim:, -ndim:],
            shear=np.asarray(layer.shear).ravel()[-ndim * (ndim - 1) // 2 :],
            affine=np.asarray(layer.affine.set_slice(axes)),
            units=tuple(str(u) for u in layer.units[-ndim:]),
        )

    @classmethod
    def of_pixel_size(cls, size: Sequence[float] | None, unit: str, ndim: int = 2) -> Placement:
        """Return the placement of an image of which only the pixel size is known."""
        if size is None:
            return cls((1.0,) * ndim, (0.0,) * ndim)
        named = "pixel" if unit == "px" else unit
        scale = tuple(float(v) for v in size[-ndim:])
        return cls(scale, (0.0,) * ndim, units=(named,) * ndim)

    def plane(self) -> Placement:
        """Return the placement of a flat layer that lies on every plane of a volume."""
        if len(self.scale) == 2:
            return self
        flat = Placement(self.scale[-2:], self.translate[-2:])
        return flat if self.units is None else replace(flat, units=self.units[-2:])

    def at(self, origin: Sequence[float]) -> Placement:
        """Return the placement of a cut-out whose first pixel is the image's pixel `origin`."""
        moved = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self.shear
        )(np.asarray(origin, float))
        return replace(self, translate=tuple(float(v) for v in np.ravel(moved)))

    def of_stack(self, axes: int, corner: Sequence[float] | None = None) -> Placement:
        """Return the placement of a stack with `axes` leading axes, at a world `corner` or here.

        Keeps pixel size and units, but neither rotation nor affine: the stack shows other pixels.
        """
        corner = self.translate if corner is None else corner
        units = None if self.units is None else ("pixel",) * axes + self.units
        return Placement(
            scale=(1.0,) * axes + self.scale,
            translate=(0.0,) * axes + tuple(float(v) for v in corner),
            units=units,
        )

    def kwargs(self) -> dict[str, Any]:
        """Return the keyword arguments of napari's layers."""
        return {k: v for k, v in vars(self).items() if v is not None}

    def apply(self, layer: Layer) -> bool:
        """Move a layer here, unless it lies here already; return whether it was moved."""
        moved = False
        for name, value in self.kwargs().items():
            now = getattr(layer, name)
            if name == "affine":
                same = np.array_equal(now.affine_matrix, value)
            elif name == "units":
                same = tuple(map(str, now)) == value
            else:
                same = np.array_equal(now, value)
            if not same:
                setattr(layer, name, value)
                moved = True
        return moved


def move_events(layer: Layer) -> tuple[Any, ...]:
    """Return the events that tell that a layer was moved."""
    events = layer.events
    return (
        events.scale, events.translate, events.rotate, events.shear, events.affine, events.units,
    )  # fmt: skip
