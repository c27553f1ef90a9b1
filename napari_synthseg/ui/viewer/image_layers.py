"""Layers of results that belong to one image: hidden while another one is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

    from napari_synthseg.ui.presenters.images.pictures import ImageKey
    from napari_synthseg.ui.viewer.displayed_image import DisplayedImage


class ImageLayers:
    """The layers of results in one viewer, and the image that each was made for."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._shown: ImageKey | None = None
        self._keys: dict[Layer, ImageKey] = {}
        self._origins: dict[Layer, tuple[int, ...]] = {}
        self._put_away: set[Layer] = set()

    def add(self, layer: Layer, image: DisplayedImage, origin: Sequence[int] = ()) -> None:
        """Add a layer to the viewer that was made for an image.

        Its first pixel is the image's pixel `origin`, by default the first one.
        """
        selection = self._viewer.layers.selection
        active = selection.active
        self._viewer.add_layer(layer)
        self._keys[layer] = image.key
        self._origins[layer] = tuple(origin) or (0,) * len(image.shape)
        self.place_those_of(image)  # it may have been moved while they were made
        self._show_or_hide(layer)
        if not self.is_shown(image):
            selection.active = active  # the user goes on marking

    def show_those_of(self, image: DisplayedImage) -> None:
        """Show the layers of an image as the user left them, and hide those of others."""
        self._shown = image.key
        self.place_those_of(image)
        for layer in self._keys:
            self._show_or_hide(layer)

    def place_those_of(self, image: DisplayedImage) -> None:
        """Move the layers of an image to where it lies now."""
        for layer, origin in self._origins.items():
            if self._keys[layer] == image.key:
                image.placement.at(origin).apply(layer)

    def move(self, layer: Layer, image: DisplayedImage, origin: Sequence[int]) -> None:
        """Let the first pixel of a layer be the image's pixel `origin` from now on."""
        self._origins[layer] = tuple(origin)
        image.placement.at(origin).apply(layer)

    def owns(self, layer: Layer) -> bool:
        """Return whether a layer was added here."""
        return layer in self._keys

    def key_of(self, layer: Layer) -> ImageKey | None:
        """Return the image that a layer was made for; None where it was not added here."""
        return self._keys.get(layer)

    def is_visible_with_image(self, layer: Layer) -> bool:
        """Tell whether a layer is seen when its image is."""
        return layer.visible or layer in self._put_away

    def layers_of(self, key: ImageKey) -> set[Layer]:
        """Return the layers that were made for an image."""
        return {layer for layer, of in self._keys.items() if of == key}

    def is_shown(self, image: DisplayedImage) -> bool:
        """Tell whether an image is the one in view."""
        return image.key == self._shown

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        self._keys.pop(gone, None)
        self._origins.pop(gone, None)
        self._put_away.discard(gone)

    def hide(self, layer: Layer) -> None:
        """Hide a layer until the user shows it again, also when its image comes back into view."""
        self._put_away.discard(layer)
        layer.visible = False

    def _show_or_hide(self, layer: Layer) -> None:
        if self._keys[layer] == self._shown:
            if layer in self._put_away and not layer.visible:  # napari draws it again in any case
                layer.visible = True
            self._put_away.discard(layer)
        elif layer.visible:
            layer.visible = False
            self._put_away.add(layer)
