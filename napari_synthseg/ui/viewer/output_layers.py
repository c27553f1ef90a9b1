"""The layers that we add as results: dual images, predictions, true masks. Always new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points, Vectors
from napari.utils.colormaps import DirectLabelColormap

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import DualImage, PixelLabels, RegionLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    PointPrediction,
    RegionPrediction,
)
from napari_synthseg.core.project import Project
from napari_synthseg.ui.viewer.class_colors import class_colormap
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.view import look_at_layer, write_on_canvas

if TYPE_CHECKING:
    from napari import Viewer


PREDICTION = "Prediction: "
"""What the names of layers with predictions begin with."""

REGIONS_OPACITY = 0.45
"""Of regions in class colors: the image must be seen through them."""

POINT_SIZE_PX = 6.0
"""Of predicted centers whose objects have no known size."""

MOST_TEXTS = 40
"""Boxes up to which class and score are written at each; they are in the features in any case."""


class OutputLayers:
    """What we show of results in one viewer.

    Attributes
    ----------
    preview
        The stack of dual images and the stack of their labels, or None.
    predictions
        The prediction layers, oldest first; of boxes those of their middles.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.preview: tuple[Image, Labels] | None = None
        self.predictions: list[Labels | Points] = []
        self._truth: Labels | None = None
        self._regions = False
        self._captions: tuple[str, ...] = ()
        self._captioned = False
        self._viewer = viewer
        viewer.dims.events.current_step.connect(self._show_caption)

    def show_dual_images(
        self,
        pairs: Sequence[DualImage],
        placement: Placement,
        classes: Sequence[ObjectClass] = (),
        captions: Sequence[str] = (),
    ) -> None:
        """Show dual images at a place of their own: a stack of images, a stack of labels.

        `captions` say on the canvas what each is. Where the shapes are those of what is shown
        already, the layers stay, and so do what the user set on them and the place of the slider.
        """
        pixels, rgb = stack_images(pairs)
        regions = isinstance(pairs[0].labels, RegionLabels)
        arrays = [p.labels.array for p in pairs if isinstance(p.labels, PixelLabels)]
        ids = np.stack([small_ids(array) if regions else array for array in arrays])
        extra = pixels.ndim - rgb - (ids.ndim - 1)
        if extra == 2:  # the same labels whichever channel is shown
            ids = np.array(np.broadcast_to(ids[:, np.newaxis], pixels.shape))
        self._captions = tuple(captions)
        if self.preview is not None and self._fits(pixels, ids, regions):
            for layer, array in zip(self.preview, (pixels, ids), strict=True):
                np.copyto(layer.data, array)  # ours; new data would make napari start from scratch
                layer.refresh(highlight=False, extent=False)
            self._show_caption()
            return
        for layer in self.preview or ():
            self._drop(layer)
        image = make_image_layer(pixels, "Dual images", rgb, placement.of_stack(extra))
        image.projection_mode = "none"
        colors = {"colormap": class_colormap(classes)} if regions else {}
        labels = Labels(
            ids,
            name="Dual images: exact labels",
            opacity=REGIONS_OPACITY if regions else 1.0,
            **colors,
            **placement.of_stack(extra).kwargs(),
        )
        labels.contour = 0 if regions else 1
        self._viewer.add_layer(image)
        self._viewer.add_layer(labels)
        self.preview, self._regions = (image, labels), regions
        dims = self._viewer.dims
        dims.set_current_step(0, 0)
        spatial = ("z", "y", "x")[-len(pairs[0].labels.shape) :]
        if dims.ndim == extra + len(spatial):
            dims.axis_labels = (*("pair", "channel")[:extra], *spatial)
        self.set_preview_visible(True)

    def _fits(self, pixels: np.ndarray, ids: np.ndarray, regions: bool) -> bool:
        """Tell whether the preview's layers can show these arrays."""
        assert self.preview is not None
        image, labels = self.preview
        same = image.data.shape == pixels.shape and labels.data.shape == ids.shape
        return same and labels.data.dtype == ids.dtype and regions == self._regions

    def _show_caption(self, event: object = None) -> None:
        """Write what the dual image in view is."""
        shown = self.preview is not None and self.preview[0].visible
        if not self._captions or not shown:
            if self._captioned:
                self.show_text("")
            self._captioned = False
            return
        number = min(int(self._viewer.dims.current_step[0]), len(self._captions) - 1)
        self.show_text(self._captions[number])
        self._captioned = True

    def set_preview_visible(self, visible: bool) -> None:
        """Show the dual images and bring them into view, or hide them."""
        if self.preview is not None:
            for layer in self.preview:
                layer.visible = visible
            self._show_caption()
            if visible:
                look_at_layer(self._viewer, self.preview[0])

    def show_instances(
        self, prediction: InstancePrediction, project: Project, name: str, placement: Placement
    ) -> Labels:
        """Show a prediction in a new layer, with class and score of each object."""
        names = {c.value: c.name for c in project.classes}
        found = sorted(prediction.objects, key=lambda o: o.id)
        layer = Labels(
            small_ids(prediction.ids) if len(names) > 1 else prediction.ids,
            name=name,
            opacity=1.0,
            features={
                "index": [0, *(o.id for o in found)],
                "class": ["background", *(names.get(o.cls, "") for o in found)],
                "score": [1.0, *(round(o.score, 3) for o in found)],
            },
            **placement.at(prediction.region_origin).kwargs(),
        )
        if len(names) > 1:
            layer.colormap = _class_colormap(prediction, project)
        layer.contour = 2
        self._viewer.add_layer(layer)
        self.predictions.append(layer)
        return layer

    def show_regions(
        self, prediction: RegionPrediction, project: Project, name: str, placement: Placement
    ) -> Labels:
        """Show predicted regions in a new layer, in the colors of their classes."""
        names = {c.value: c.name for c in project.classes}
        found = [int(v) for v in np.unique(prediction.values) if v > 0]
        layer = Labels(
            prediction.values,
            name=name,
            opacity=REGIONS_OPACITY,
            colormap=class_colormap(project.classes),
            features={
                "index": [0, *found],
                "class": ["background", *(names.get(v, f"class {v}") for v in found)],
            },
            **placement.at(prediction.region_origin).kwargs(),
        )
        self._viewer.add_layer(layer)
        self.predictions.append(layer)
        return layer

    def show_boxes(
        self, prediction: BoxPrediction, project: Project, name: str, placement: Placement
    ) -> Points:
        """Show predicted boxes as lines, and their middles with class and score, in new layers.

        Lines and points, as they are there at once even for thousands of boxes.
        """
        colors = {c.value: c.color for c in project.classes}
        found = [o for o in prediction.objects if o.cls in colors]
        edges = np.concatenate([_edges_of(o) for o in found]) if found else np.zeros((0, 2, 2))
        longest = max(float(np.ptp(edges[:, 0], axis=0).max()) if found else 1.0, 1.0)
        lines = Vectors(
            edges,
            name=f"Boxes: {name.removeprefix(PREDICTION)}",
            vector_style="line",
            edge_width=longest / 400,
            edge_color=np.repeat(_rgba([colors[o.cls] for o in found]), 4, axis=0)
            if found
            else "white",
            **placement.kwargs(),
        )
        self._viewer.add_layer(lines)
        return self.show_points(prediction, project, name, placement, size=longest / 120)

    def show_points(
        self,
        prediction: BoxPrediction | PointPrediction,
        project: Project,
        name: str,
        placement: Placement,
        size: float = POINT_SIZE_PX,
    ) -> Points:
        """Show the centers of predicted objects with class and score, in a new layer."""
        classes = {c.value: c for c in project.classes}
        found = [o for o in prediction.objects if o.cls in classes]
        ndim = len(found[0].center) if found else 2
        middles = Points(
            np.array([o.center for o in found]).reshape(-1, ndim),
            name=name,
            size=size,
            face_color=_rgba([classes[o.cls].color for o in found]) if found else "white",
            border_width=0,
            features={
                "class": [classes[o.cls].name for o in found],
                "score": [round(o.score, 3) for o in found],
            },
            text={
                "string": "{class} {score:.2f}",
                "color": "white",
                "size": 8,
                "anchor": "upper_left",
                "visible": len(found) <= MOST_TEXTS,
            },
            **placement.kwargs(),
        )
        self._viewer.add_layer(middles)
        self.predictions.append(middles)
        return middles

    def show_truth(self, truth: PixelLabels, placement: Placement, project: Project) -> None:
        """Show true masks as thin lines: white round objects, regions in their class's color."""
        self.hide_truth()
        regions = isinstance(truth, RegionLabels)
        white = DirectLabelColormap(color_dict={0: "transparent", None: "white"})
        layer = Labels(
            small_ids(truth.array),
            name="True masks",
            colormap=class_colormap(project.classes) if regions else white,
            **placement.kwargs(),
        )
        layer.contour = 2 if regions else 1
        layer.editable = False
        self._viewer.add_layer(layer)
        self._truth = layer

    def hide_truth(self) -> None:
        """Take the true masks away."""
        self._drop(self._truth)
        self._truth = None

    def show_text(self, text: str) -> None:
        """Write on the canvas; '' takes the writing away."""
        write_on_canvas(self._viewer, text)

    def clear(self) -> None:
        """Take away what belongs to one project only; predictions stay with the user."""
        for layer in self.preview or ():
            self._drop(layer)
        self.preview, self._captions = None, ()
        self.hide_truth()
        self.show_text("")

    def forget(self, layer: Layer) -> None:
        """Note that the user removed a layer."""
        if self.preview is not None and layer in self.preview:
            self.preview = None
        if layer is self._truth:
            self._truth = None
        self.predictions = [kept for kept in self.predictions if kept is not layer]

    def _drop(self, layer: Layer | None) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)


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


def small_ids(ids: np.ndarray) -> np.ndarray:
    """Return ids as the smallest type that holds them, unknown ones as background.

    Of 32-bit ids napari looks colors up in a table that it compiles on the spot: seconds in which
    the window stands still (seen with napari 0.9.2).
    """
    largest = int(ids.max(initial=0))
    kind = next((k for k in (np.uint8, np.uint16) if largest <= np.iinfo(k).max), np.int32)
    return np.maximum(ids, 0).astype(kind)


def _edges_of(thing: FoundObject) -> np.ndarray:
    """Return the four sides of a box as (start, way), shape (4, 2, 2), centers at integers."""
    (top, bottom), (left, right) = ((a - 0.5, b - 0.5) for a, b in thing.box)
    corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    return np.stack([corners, np.roll(corners, -1, axis=0) - corners], axis=1)


def _rgba(colors: Sequence[str]) -> np.ndarray:
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0] for c in colors])


def _class_colormap(prediction: InstancePrediction, project: Project) -> Any:
    colors = {c.value: c.color for c in project.classes}
    table: dict[int | None, str] = {o.id: colors.get(o.cls, "white") for o in prediction.objects}
    return DirectLabelColormap(color_dict={**table, 0: "transparent", None: "transparent"})
