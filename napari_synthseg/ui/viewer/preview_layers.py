"""The layers of dual images: a stack of images, and a stack of their exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_synthseg.core.labels import DualImage, RegionLabels
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.dual_images import pixel_labels
from napari_synthseg.ui.viewer.class_colors import REGIONS_OPACITY, class_colormap, small_ids
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.quick_layers import ResultLabels
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.view import look_at_layer, remove_layer, write_on_canvas

if TYPE_CHECKING:
    from napari import Viewer


class PreviewLayers:
    """Dual images in one viewer, with a caption on the canvas for each.

    Attributes
    ----------
    layers
        The images and their labels; None where there are none, or the user removed one. While they
        are hidden they hold one dual image only: napari has sliders for hidden layers, too, and one
        that changes nothing in sight would lie below every image.
    """

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        self.layers: tuple[Image, Labels] | None = None
        self._stack: Stack | None = None
        self._place: tuple[int, ...] = ()
        """Where the sliders stood when the dual images were hidden."""
        self._captions: tuple[str, ...] = ()
        self._has_written = False
        self._is_wanted = True
        self._viewer, self._controller = viewer, controller
        self._listening = Subscriptions()
        self._listening.add(self._on_step, viewer.dims.events.current_step)

    def show(
        self, pairs: Sequence[DualImage], placement: Placement, captions: Sequence[str] = ()
    ) -> None:
        """Show dual images, soon, at a place of their own; `captions` say what each is.

        Where the shapes are those of what is shown already, the layers stay, and so do what the
        user set on them and the place of the slider.
        """

        def add(stack: Stack) -> None:
            self._captions = tuple(captions)
            if self.layers is not None and self._stack is not None and self._stack.fits(stack):
                self._stack.take_over(stack)  # new data would make napari start from scratch
                for layer in self.layers:
                    layer.refresh(highlight=False, extent=False)
                self._on_step()
            else:
                self._replace(stack, placement)

        self._is_wanted = True
        self._controller.compute("show the dual images", lambda: stack_pairs(pairs), add)

    def _replace(self, stack: Stack, placement: Placement) -> None:
        self._remove()
        axes, classes = stack.leading_axes, self._controller.project.classes
        placement = placement.of_stack(len(axes))
        image = make_image_layer(stack.pixels, "Dual images", stack.rgb, placement)
        image.projection_mode = "none"
        labels = ResultLabels(
            stack.ids,
            name="Dual images: exact labels",
            opacity=REGIONS_OPACITY if stack.regions else 1.0,
            colormap=class_colormap(classes) if stack.regions else None,
            **placement.kwargs(),
        )
        labels.contour = 0 if stack.regions else 1
        self._viewer.add_layer(image)
        self._viewer.add_layer(labels)
        self.layers, self._place = (image, labels), ()
        self._stack = replace(stack, pixels=image.data, ids=labels.data)
        dims = self._viewer.dims
        dims.set_current_step(0, 0)
        names = (*axes, *("z", "y", "x")[len(axes) - stack.ids.ndim :])
        if dims.ndim == len(names):
            dims.axis_labels = names
        self.set_visible(self._is_wanted)  # the user may have gone elsewhere meanwhile

    @property
    def is_visible(self) -> bool:
        """Whether dual images are in view."""
        return self._is_wanted and self.layers is not None

    def set_visible(self, visible: bool) -> None:
        """Show the dual images and bring them into view, or hide them."""
        self._is_wanted = visible
        if self.layers is None:
            return
        if not visible:
            self._fold()  # before it is hidden: napari measures layers in sight only
        for layer in self.layers:
            layer.visible = visible
        if visible:
            self._spread()
        self._on_step()
        if visible:
            look_at_layer(self._viewer, self.layers[0])

    def _fold(self) -> None:
        """Leave the dual image that was in view in the layers, and no slider."""
        assert self.layers is not None and self._stack is not None
        steps = len(self._stack.leading_axes)
        if self.layers[0].data is not self._stack.pixels:
            return
        self._place = tuple(int(n) for n in self._viewer.dims.current_step[:steps])
        shape = self._stack.ids.shape
        kept = [min(n, size - 1) for n, size in zip(self._place, shape, strict=False)]
        one = tuple(slice(n, n + 1) for n in kept)
        for layer, array in zip(self.layers, self._stack.arrays, strict=True):
            layer.data = array[one]

    def _spread(self) -> None:
        """Let the layers hold all dual images again, with the sliders where they stood."""
        assert self.layers is not None and self._stack is not None
        if self.layers[0].data is self._stack.pixels:
            return
        for layer, array in zip(self.layers, self._stack.arrays, strict=True):
            layer.data = array
        for axis, step in enumerate(self._place):
            self._viewer.dims.set_current_step(axis, step)

    def clear(self) -> None:
        """Remove the dual images."""
        self._remove()
        self._captions = ()
        self._on_step()

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        if self.layers is not None and gone in self.layers:
            self.layers = self._stack = None

    def _remove(self) -> None:
        for layer in self.layers or ():
            remove_layer(self._viewer, layer)
        self.layers = self._stack = None

    def close(self) -> None:
        """Listen to the viewer no more; the layers stay."""
        self._listening.end()

    def _on_step(self, event: object = None) -> None:
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


@dataclass(frozen=True, eq=False)
class Stack:
    """Dual images as the arrays of two layers.

    `pixels` has the axes (pair, y, x, 3) if `rgb`, (pair, [z,] y, x) for one channel, else
    (pair, channel, [z,] y, x); `ids` has the same without the colors of RGB. `regions` says that
    the ids are classes.
    """

    pixels: np.ndarray
    ids: np.ndarray
    rgb: bool
    regions: bool
    leading_axes: tuple[str, ...]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The images and the labels."""
        return self.pixels, self.ids

    def fits(self, other: Stack) -> bool:
        """Return whether the layers of this one can show another one."""
        same = self.pixels.shape == other.pixels.shape and self.ids.shape == other.ids.shape
        return same and self.ids.dtype == other.ids.dtype and self.regions == other.regions

    def take_over(self, other: Stack) -> None:
        """Hold what another one holds that fits."""
        for mine, its in zip(self.arrays, other.arrays, strict=True):
            np.copyto(mine, its)


def stack_pairs(pairs: Sequence[DualImage]) -> Stack:
    """Return the arrays that show dual images; takes a moment."""
    images = np.stack([p.image for p in pairs])
    labels = [pixel_labels(p.labels) for p in pairs]
    regions = isinstance(labels[0], RegionLabels)
    ids = np.stack([small_ids(item.array) if regions else item.array for item in labels])
    if images.shape[1] == 3:
        colors = np.clip(np.moveaxis(images, 1, -1), 0, 1)
        return Stack(colors, ids, True, regions, ("pair",))
    if images.shape[1] == 1:
        return Stack(images[:, 0], ids, False, regions, ("pair",))
    # the same labels whichever channel is shown
    ids = np.array(np.broadcast_to(ids[:, np.newaxis], images.shape))
    return Stack(images, ids, False, regions, ("pair", "channel"))
