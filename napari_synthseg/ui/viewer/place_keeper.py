"""Keeps a layer of ours on its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.viewer.placement import Placement, move_events
from napari_synthseg.ui.viewer.subscriptions import Subscriptions

if TYPE_CHECKING:
    from napari.layers import Layer


class PlaceKeeper:
    """Puts a layer back where somebody else moved it, as its positions are those of the image.

    That is told once: in napari's transform mode each move of the mouse moves the layer.
    """

    def __init__(self, layer: Layer, placement: Placement, listening: Subscriptions) -> None:
        self._layer, self._placement = layer, placement
        self._is_placing = self._has_told = False
        listening.add(self._on_moved, *move_events(layer))

    def place(self, placement: Placement) -> bool:
        """Move the layer to where its image lies now; return whether it lay elsewhere."""
        self._placement = placement
        self._is_placing = True
        try:
            return placement.apply(self._layer)
        finally:
            self._is_placing = False

    def _on_moved(self, event: object = None) -> None:
        if not self._is_placing:
            QTimer.singleShot(0, self._put_back)  # napari is in the middle of its own change

    def _put_back(self) -> None:
        if self.place(self._placement) and not self._has_told:
            self._has_told = True
            tell(
                f"Layer '{self._layer.name}' lies on its image and was put back. Move the layer of "
                "the image instead: what is marked on it follows."
            )
