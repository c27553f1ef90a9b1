"""What is asked of the viewer: where it looks, and the text on its canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


def unwrapped(layer: Any) -> Any:
    """Return the layer itself: napari hands plugins a proxy of it."""
    return getattr(layer, "__wrapped__", layer)


def remove_layer(viewer: Viewer, layer: Layer | None) -> None:
    """Remove a layer, unless it is gone already."""
    if layer is not None and layer in viewer.layers:
        viewer.layers.remove(layer)


def look_at_layer(viewer: Viewer, layer: Layer) -> None:
    """Bring a whole layer into view."""
    low, high = layer.extent.world[:, -2:]
    size = np.maximum(high - low, 1e-9)
    height, width = viewer.canvas.size
    camera = viewer.scene.camera
    camera.center = (0.0, *((low + high) / 2))
    camera.zoom = 0.95 * float(min(height / size[0], width / size[1]))


def look_at_point(viewer: Viewer, world: Sequence[float], height: float) -> None:
    """Bring a place into view, so that `height` (world units) fills a third of the canvas."""
    camera = viewer.scene.camera
    camera.center = (0.0, *world[-2:])
    camera.zoom = float(viewer.canvas.size[0]) / (3 * height)


def go_to_plane(viewer: Viewer, depth: float) -> None:
    """Show the plane of a volume at a depth (world units)."""
    axis = viewer.dims.ndim - 3
    if axis >= 0:
        viewer.dims.set_point(axis, depth)


def see_through(viewer: Viewer, depth: float) -> None:
    """Let points be seen that lie up to `depth` (world units) above or below the shown plane."""
    dims = viewer.dims
    if dims.ndim >= 3:
        margins = [depth if axis == dims.ndim - 3 else 0.0 for axis in range(dims.ndim)]
        dims.margin_left = dims.margin_right = tuple(margins)


def write_on_canvas(viewer: Viewer, text: str) -> None:
    """Write text in the canvas's corner; '' removes it."""
    overlay = viewer.canvas.overlays.text
    overlay.text = text
    overlay.visible = bool(text)
    overlay.position = "bottom_left"
    overlay.font_size = 9
    overlay.box = True
