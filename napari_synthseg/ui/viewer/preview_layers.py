"""The layers of dual images: a stack of images, and a stack of their exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import DualImage, PixelLabels, RegionLabels
from napari_synthseg.ui.viewer.class_colors import REGIONS_OPACITY, class_colormap, small_ids
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.view import look_at_layer, remove_layer, write_on_canvas

if TYPE_CHECKING:
    from napari import Viewer


class PreviewLayers:
    """Dual images in one viewer, with a caption on the canvas for each.

    Attributes
    ----------
    layers
        The images and their labels; None where there are none, or the user removed one.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.layers: tuple[Image, Labels] | None = None
        self._shows_regions = False
        self._captions: tuple[str, ...] = ()
        self._has_written = False
        self._viewer = viewer
        viewer.dims.events.current_step.connect(self._write_caption)

    def show(
        self,
        pairs: Sequence[DualImage],
        placement: Placement,
        classes: Sequence[ObjectClass] = (),
        captions: Sequence[str] = (),
    ) -> None:
        """Show dual images at a place of their own; `captions` say what each is.

        Where the shapes are those of what is shown already, the layers stay, and so do what the
        user set on them and the place of the slider.
        """
        pixels, rgb = stack_images(pairs)
        regions = isinstance(pairs[0].labels, RegionLabels)
        arrays = [p.labels.array for p in pairs if isinstance(p.labels, PixelLabels)]
        ids = np.stack([small_ids(array) if regions else array for array in arrays])
        stack_axes = pixels.ndim - rgb - (ids.ndim - 1)
        if stack_axes == 2:  # the same labels whichever channel is shown
            ids = np.array(np.broadcast_to(ids[:, np.newaxis], pixels.shape))
        self._captions = tuple(captions)
        if self.layers is not None and self._fit(pixels, ids, regions):
            for layer, array in zip(self.layers, (pixels, ids), strict=True):
                np.copyto(layer.data, array)  # ours; new data would make napari start from scratch
                layer.refresh(highlight=False, extent=False)
            self._write_caption()
            return
        self._remove()
        stack = placement.of_stack(stack_axes)
        image = make_image_layer(pixels, "Dual images", rgb, stack)
        image.projection_mode = "none"
        labels = Labels(
            ids,
            name="Dual images: exact labels",
            opacity=REGIONS_OPACITY if regions else 1.0,
            colormap=class_colormap(classes) if regions else None,
            **stack.kwargs(),
        )
        labels.contour = 0 if regions else 1
        self._viewer.add_layer(image)
        self._viewer.add_layer(labels)
        self.layers, self._shows_regions = (image, labels), regions
        dims = self._viewer.dims
        dims.set_current_step(0, 0)
        spatial = ("z", "y", "x")[-len(pairs[0].labels.shape) :]
        if dims.ndim == stack_axes + len(spatial):
            dims.axis_labels = (*("pair", "channel")[:stack_axes], *spatial)
        self.set_visible(True)

    def set_visible(self, visible: bool) -> None:
        """Show the dual images and bring them into view, or hide them."""
        if self.layers is not None:
            for layer in self.layers:
                layer.visible = visible
            self._write_caption()
            if visible:
                look_at_layer(self._viewer, self.layers[0])

    def clear(self) -> None:
        """Remove the dual images."""
        self._remove()
        self._captions = ()
        self._write_caption()

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        if self.layers is not None and gone in self.layers:
            self.layers = None

    def _remove(self) -> None:
        for layer in self.layers or ():
            remove_layer(self._viewer, layer)
        self.layers = None

    def _fit(self, pixels: np.ndarray, ids: np.ndarray, regions: bool) -> bool:
        """Return whether the layers can show these arrays."""
        assert self.layers is not None
        image, labels = self.layers
        same = image.data.shape == pixels.shape and labels.data.shape == ids.shape
        return same and labels.data.dtype == ids.dtype and regions == self._shows_regions

    def _write_caption(self, event: object = None) -> None:
        """Write what the dual image in view is; remove only what was written here."""
        shown = self.layers is not None and self.layers[0].visible and bool(self._captions)
        if shown:
            number = min(int(self._viewer.dims.current_step[0]), len(self._captions) - 1)
            write_on_canvas(self._viewer, self._captions[number])
        elif self._has_written:
            write_on_canvas(self._viewer, "")
        self._has_written = shown


def make_image_layer(pixels: Any, name: str, rgb: bool, placement: Placement) -> Image:
    """Return a layer of an image with values from 0 to 1."""
    limits = {} if rgb else {"contrast_limits": (0.0, 1.0)}
    return Image(pixels, name=name, rgb=rgb, **limits, **placement.kwargs())


def stack_images(pairs: Sequence[DualImage]) -> tuple[np.ndarray, bool]:
    """Return the images as one array, and whether it is (pair, y, x, 3) for RGB.

    One channel gives (pair, [z,] y, x), other numbers (pair, channel, [z,] y, x).
    """
    images = np.stack([p.image for p in pairs])
    if images.shape[1] == 3:
        return np.clip(np.moveaxis(images, 1, -1), 0, 1), True
    return (images[:, 0], False) if images.shape[1] == 1 else (images, False)
