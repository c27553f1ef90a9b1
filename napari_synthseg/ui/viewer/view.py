"""What is asked of the viewer: where it looks, its canvas, and the text on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QOpenGLWidget

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


def make_canvas_current(viewer: Viewer) -> None:
    """Let OpenGL work on the canvas, whatever it worked on last.

    When a layer goes, napari deletes its shaders in whichever context is current. Once Qt 6 has
    painted the window, that is the window's own; the driver that draws without a graphics card
    (llvmpipe) then loses the shader of another layer, and crashes when that layer is drawn.
    """
    canvas = viewer.window.main_menu.window().centralWidget().findChild(QOpenGLWidget)
    if canvas is not None:
        canvas.makeCurrent()


def look_at_layer(viewer: Viewer, layer: Layer) -> None:
    """Bring a whole layer into view, along the axes that are displayed."""
    dims, camera = viewer.dims, viewer.scene.camera
    extent = np.zeros((2, dims.ndim))  # of its own axes, the viewer's last ones
    extent[:, -layer.ndim :] = layer.extent.world
    low, high = extent[:, list(dims.displayed)]
    size = np.maximum(high - low, 1e-9)[-2:]
    camera.center = (0.0, *(float(n) for n in (low + high) / 2))[-3:]
    camera.zoom = 0.95 * float(min(np.array(viewer.canvas.size) / size))


def center_on(viewer: Viewer, world: Sequence[float]) -> None:
    """Bring a place into the middle of the canvas, with the sliders on its planes.

    `world` has a number for each of the viewer's last axes.
    """
    dims = viewer.dims
    given = range(dims.ndim - len(world), dims.ndim)
    place = np.array(dims.point, float)
    place[given] = world
    for axis in set(dims.not_displayed) & set(given):
        dims.set_point(axis, place[axis])
    viewer.scene.camera.center = (0.0, *(float(n) for n in place[list(dims.displayed)]))[-3:]


def look_at_point(viewer: Viewer, world: Sequence[float], height: float) -> None:
    """Bring a place into view, so that `height` (world units) fills a third of the canvas."""
    center_on(viewer, world)
    viewer.scene.camera.zoom = float(viewer.canvas.size[0]) / (3 * height)


def is_on_canvas(viewer: Viewer, world: Sequence[float]) -> bool:
    """Tell whether a place on the plane that is shown lies on the canvas; in 3D each does."""
    dims, camera = viewer.dims, viewer.scene.camera
    if dims.ndisplay == 3:
        return True
    place = [world[axis - dims.ndim] for axis in dims.displayed]
    away = np.abs(np.subtract(place, camera.center[-2:]))
    return bool((away <= np.array(viewer.canvas.size) / (2 * camera.zoom)).all())


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
