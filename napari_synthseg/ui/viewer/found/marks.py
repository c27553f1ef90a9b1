"""Marks on the mistakes of an image, on what was found, too, and on the one that is looked at.

Kinds differ by symbol as well as by color, and the colors by lightness, so that they can be told
apart with any color vision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Points

from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import Actions, bind_layer_keys
from napari_synthseg.ui.presenters.images.pictures import ImageKey
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.image_layers import ImageLayers
from napari_synthseg.ui.viewer.view import look_at_point, remove_layer

if TYPE_CHECKING:
    from napari import Viewer


@dataclass(frozen=True)
class Look:
    """Symbol and color of a kind of object; `sign` is the symbol in a text."""

    symbol: str
    color: str
    sign: str


LOOKS = {
    "found": Look("disc", "#56b4e9", "○"),
    "missed": Look("diamond", "#e69f00", "◇"),
    "false": Look("square", "#cc79a7", "□"),
    "merged": Look("triangle_up", "#f0e442", "△"),
    "split": Look("triangle_up", "#f0e442", "△"),
    "outline": Look("triangle_up", "#f0e442", "△"),
    "class": Look("triangle_down", "#f0e442", "▽"),
}
"""Kind of object or mistake -> how it is marked."""

MARGIN = 1.5
"""Size of a mark, as a share of its object's."""

LINE_SHARE = 0.06
"""Width of the lines of all marks, as a share of the usual mark: those of large objects hide no
more of them."""

RING_SHARE = 0.03
"""Width of the ring's line, as a share of its size."""

VIEW_MARGIN = 2.5
"""Height of an object with its surroundings, of which a third of the canvas is filled."""

UNKNOWN_SIZE_PX = 12.0


@dataclass(frozen=True)
class Mark:
    """One mark: a kind of `LOOKS`, where it is ([z,] y, x) in the whole image, and its size."""

    kind: str
    center: tuple[float, ...]
    size: float
    words: str = ""


class FoundMarks:
    """The layers of marks in one viewer."""

    def __init__(self, viewer: Viewer, layers: ImageLayers, controller: SessionController) -> None:
        self.layer: Points | None = None
        self._here: Points | None = None
        self._here_on: ImageKey | None = None
        self._viewer, self._layers, self._controller = viewer, layers, controller
        self._actions: Actions = {}

    def bind_keys(self, actions: Actions) -> None:
        """Bind the keys of results, which work while the marks are the selected layer."""
        self._actions = actions

    def show(self, make_marks: Callable[[], Sequence[Mark]], image: DisplayedImage) -> None:
        """Mark objects of an image in place of those marked before, soon.

        `make_marks` is called in the background.
        """
        placement, ndim = image.placement, len(image.shape)

        def make() -> Points:
            return _make_layer(make_marks(), ndim, placement.kwargs())

        def add(layer: Points) -> None:
            active = self._viewer.layers.selection.active
            takes_keys = self.layer is None or active is self.layer
            remove_layer(self._viewer, self.layer)
            self.layer = layer
            self._layers.add(layer, image)
            bind_layer_keys(layer, "results", self._actions)
            if not takes_keys and active in self._viewer.layers:
                self._viewer.layers.selection.active = active

        self._controller.compute("mark found and missed objects", make, add)

    def hide(self) -> None:
        """Remove the marks of kinds; the place that is looked at stays."""
        remove_layer(self._viewer, self.layer)

    def look_at(self, center: Sequence[float], size: float, image: DisplayedImage) -> None:
        """Bring a place of an image into view, with a ring around it."""
        size = size or UNKNOWN_SIZE_PX
        layer = self._here
        if layer is None or self._here_on != image.key:
            layer = self._add_ring(image)
        layer.data = np.array([center], float)
        layer.size = 1.25 * MARGIN * size
        world = layer.data_to_world(center)
        look_at_point(self._viewer, world, VIEW_MARGIN * size * image.placement.scale[-2])

    def _add_ring(self, image: DisplayedImage) -> Points:
        """Add the layer of the ring, and leave the layer active that was."""
        self.unmark()
        layer = Points(
            np.zeros((1, len(image.shape))),
            name="Looked at",
            symbol="disc",
            face_color="transparent",
            border_color="white",
            border_width=RING_SHARE,
            **image.placement.kwargs(),
        )
        active = self._viewer.layers.selection.active
        self._here, self._here_on = layer, image.key
        self._layers.add(layer, image)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active
        return layer

    def unmark(self) -> None:
        """Remove the ring around the place that is looked at."""
        remove_layer(self._viewer, self._here)

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        if gone is self.layer:
            self.layer = None
        if gone is self._here:
            self._here = None


def _make_layer(marks: Sequence[Mark], ndim: int, placement: dict[str, Any]) -> Points:
    looks = [LOOKS[mark.kind] for mark in marks]
    sizes = [MARGIN * (mark.size or UNKNOWN_SIZE_PX) for mark in marks] or [1.0]
    layer = Points(
        np.array([mark.center for mark in marks], float).reshape(-1, ndim),
        name="Mistakes",
        size=np.array(sizes) if marks else 1,
        face_color="transparent",
        border_width=LINE_SHARE * float(np.median(sizes)),
        border_width_is_relative=False,
        features={"kind": [m.kind for m in marks], "words": [m.words for m in marks]},
        **placement,
    )
    if marks:
        layer.symbol = [look.symbol for look in looks]
        layer.border_color = np.array([_rgba(look.color) for look in looks])
    layer.editable = False
    return layer


def _rgba(color: str) -> list[float]:
    return [*(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0]
