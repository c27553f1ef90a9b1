"""Darkens the parts of the shown image that do not count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_synthseg.core.annotations import ImageRef, Outline
from napari_synthseg.core.geometry import full_region
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.quick_layers import ResultLabels
from napari_synthseg.ui.viewer.view import remove_layer

if TYPE_CHECKING:
    from napari import Viewer

MAX_EDGE_PX = 1024
"""Longer edge of the mask that is drawn, so that it takes milliseconds on any image."""

OPACITY = 0.7


class LeftOutLayer(QObject):
    """Shows the limits of the image in view; there is a layer only where there are limits.

    Attributes
    ----------
    layer
        None where there are no limits, or where the user removed it.
    share
        Share of the image in view that counts, about.
    """

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.layer: Labels | None = None
        self.share = 1.0
        self._viewer = viewer
        self._image: DisplayedImage | None = None
        self._shown: tuple[object, ...] | None = None
        controller.project_changed.connect(self._on_project_changed)

    def show(self, image: DisplayedImage) -> None:
        """Show the limits of an image."""
        self.hide()
        self._image = image
        self._write()

    def hide(self) -> None:
        """Take the layer away."""
        remove_layer(self._viewer, self.layer)
        self.layer = self._image = self._shown = None
        self.share = 1.0

    def forget(self) -> None:
        """Note that the layer was removed by the user; the limits stay."""
        self.layer = None

    def close(self) -> None:
        """Let go of layer and image: the layer stays in the viewer as it is."""
        self.layer = self._image = None

    def follow(self) -> None:
        """Move the layer to where its image lies now."""
        if self.layer is not None and self._image is not None:
            self._placement(self._image).apply(self.layer)

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.images is not old.images and self._image is not None:
            self._write()

    def _write(self) -> None:
        image = self._image
        if image is None or not (refs := image.refs):
            return
        limits = tuple((ref.roi, ref.excluded, ref.region) for ref in refs)
        if limits == self._shown:
            return
        self._shown = limits
        if not any(ref.is_limited for ref in refs):
            remove_layer(self._viewer, self.layer)
            self.layer, self.share = None, 1.0
            return
        mask = left_out(refs, image.shape[-2:])
        self.share = 1 - float(mask.mean())
        if self.layer is not None:
            self.layer.data = mask
            return
        active = self._viewer.layers.selection.active
        self.layer = ResultLabels(
            mask,
            name="Does not count",
            colormap=DirectLabelColormap(color_dict={1: "#101018", None: "#00000000"}),
            opacity=OPACITY,
            **self._placement(image).kwargs(),
        )
        self.layer.editable = False
        place = self._viewer.layers.index(image.layer) + 1
        self._viewer.layers.insert(place, self.layer)  # on the image, below what is marked
        self._viewer.layers.selection.active = active

    def _placement(self, image: DisplayedImage) -> Placement:
        factor = _factor(image.shape[-2:])
        place = image.placement.plane().at([(factor - 1) / 2] * 2)
        return replace(place, scale=tuple(length * factor for length in place.scale))


def left_out(refs: Sequence[ImageRef], shape: Sequence[int]) -> NDArray[np.uint8]:
    """Return where an image (y, x) does not count, as 1, reduced by a whole factor.

    Parameters
    ----------
    refs
        The parts of the image.
    shape
        Its height and width in pixels.
    """
    factor = _factor(shape)
    size = tuple(math.ceil(n / factor) for n in shape)
    counted = np.zeros(size, bool)
    for ref in refs:
        small = ref.model_copy(
            update={
                "roi": tuple(_reduced(each, factor) for each in ref.roi),
                "excluded": tuple(_reduced(each, factor) for each in ref.excluded),
            }
        )
        part = (ref.region or full_region(shape))[-2:]
        slices = tuple(slice(a // factor, math.ceil(b / factor)) for a, b in part)
        mask = small.counted(full_region(size))
        counted[slices] |= True if mask is None else mask[slices]
    return (~counted).astype(np.uint8)


def _factor(shape: Sequence[int]) -> int:
    return max(1, math.ceil(max(shape) / MAX_EDGE_PX))


def _reduced(outline: Outline, factor: int) -> Outline:
    return tuple(tuple((y / factor, x / factor) for y, x in ring) for ring in outline)
