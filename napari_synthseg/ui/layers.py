"""The door to napari's layers: images come in here, everything we show goes out here.

Holds layer objects and never looks one up by name. Layers that the user made are only read;
what we add is always a new layer, placed exactly on its image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.labels import Labels as TrueLabels
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.project import ImageRef, Project
from napari_synthseg.core.training import Prediction
from napari_synthseg.ui.clicks_layer import ClicksLayer, Field
from napari_synthseg.ui.desk import Desk
from napari_synthseg.ui.placement import Placement
from napari_synthseg.ui.reading import display_image

if TYPE_CHECKING:
    from napari import Viewer

FieldKey = tuple[str, tuple[tuple[str, int], ...], tuple[int, ...] | None]


def field_key(ref: ImageRef) -> FieldKey:
    """Return what the parts (regions) of one picture have in common."""
    return ref.uri, tuple(sorted(ref.plane.items())), ref.channels


class Layers(QObject):
    """All layers of ours in one viewer."""

    image_changed = Signal()
    """Another image is shown, or none."""

    def __init__(self, viewer: Viewer, desk: Desk) -> None:
        super().__init__()
        self.clicks = ClicksLayer(viewer, desk)
        self.preview: tuple[Image, Labels] | None = None
        self.predictions: list[Labels] = []
        self._viewer = viewer
        self._desk = desk
        self._images: dict[FieldKey, Image] = {}
        self._parts: Shapes | None = None
        self._truth: Labels | None = None
        self._key: FieldKey | None = None
        viewer.layers.events.removed.connect(self._on_layer_removed)
        desk.session_changed.connect(self._on_session_changed)
        desk.project_changed.connect(self._on_project_changed)

    # --- the image that is shown -------------------------------------------------------------

    @property
    def field(self) -> Field | None:
        """The picture that is shown, with its parts, or None."""
        return self.clicks.field if self._key is not None else None

    def owns(self, layer: Layer) -> bool:
        """Tell whether a layer is in use here, or was made here."""
        return layer in (*self._images.values(), *(self.preview or ()))

    def field_refs(self, key: FieldKey) -> tuple[ImageRef, ...]:
        """Return the project's images that are parts of one picture."""
        session = self._desk.session
        return tuple(r for r in session.project.images if field_key(r) == key) if session else ()

    def adopt(self, layer: Image, refs: Sequence[ImageRef]) -> None:
        """Show images through a layer that is in the viewer already."""
        self._images[field_key(refs[0])] = layer
        self.show_image(refs[0])

    def show_image(self, ref: ImageRef) -> None:
        """Show a picture of the project with its clicks; read it first if need be."""
        session, key = self._desk.session, field_key(ref)
        if session is None:
            return
        if key in self._images:
            self._show_field(key)
        elif (job := display_image(session, ref)) is not None:
            self._desk.run(job, lambda read: self._add_image(ref, *read))

    def _add_image(self, ref: ImageRef, pixels: Any, rgb: bool) -> None:
        placement = Placement.of_pixel_size(ref.pixel_size, ref.unit)
        spatial = placement if pixels.ndim == 2 or rgb else placement.of_stack(1, (0, 0))
        limits = {} if rgb else {"contrast_limits": (0.0, 1.0)}
        layer = Image(pixels, name=ref.name or "image", rgb=rgb, **limits, **spatial.kwargs())
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self._images[field_key(ref)] = layer
        self._show_field(field_key(ref))

    def _show_field(self, key: FieldKey) -> None:
        layer = self._images[key]
        refs = self.field_refs(key)
        shape = tuple(layer.data.shape[:2] if layer.rgb else np.shape(_finest(layer))[-2:])
        self._key = key
        for other_key, other in self._images.items():
            other.visible = other_key == key
        self._show_parts(Field(refs, shape, Placement.of(layer)))
        self.clicks.show(Field(refs, shape, Placement.of(layer)))
        self.activate_clicks()
        self.look_at_image()
        self.image_changed.emit()

    def _show_parts(self, field: Field) -> None:
        """Outline the parts of a picture of which not all is used for the same purpose."""
        self._drop(self._parts)
        self._parts = None
        if all(ref.region is None for ref in field.refs):
            return
        words = {"train": "click here", "validate": "held out", "test": "held out for scoring"}
        boxes = [_corners(ref.region or full_region(field.shape)) for ref in field.refs]
        self._parts = Shapes(
            boxes,
            shape_type="rectangle",
            edge_color="#dddddd",
            face_color="transparent",
            edge_width=max(field.shape) / 400,
            name="Parts",
            features={"part": [words[ref.role] for ref in field.refs]},
            text={
                "string": "{part}", "color": "white", "size": 10, "anchor": "upper_left",
                "translation": [max(field.shape) / 50, 0],
            },
            **field.placement.kwargs(),
        )  # fmt: skip
        self._viewer.add_layer(self._parts)

    def activate_clicks(self) -> None:
        """Make the Clicks layer the active one, ready to add points."""
        layer = self.clicks.layer
        if layer is not None:
            layer.visible = True
            self._viewer.layers.selection.active = layer
            layer.mode = "add"

    def look_at_image(self, clicks: bool = True) -> None:
        """Bring the picture into view, with or without its clicks, and hide the preview."""
        if self.clicks.layer is not None:
            self.clicks.layer.visible = clicks
        if self.preview is not None:
            self.show_preview_layers(False)
        layer = self._images.get(self._key) if self._key else None
        if layer is not None:
            self._look_at(layer)

    def look_at_patch(self, patch: Patch) -> None:
        """Bring one patch into view, in the picture it was cut from."""
        session = self._desk.session
        if session is None:
            return
        ref = session.project.image(patch.image)
        if field_key(ref) != self._key:
            self.show_image(ref)
        if self.field is None or self.clicks.layer is None:
            return
        center = [o + c for o, c in zip(patch.origin, patch.center, strict=True)]
        world = self.clicks.layer.data_to_world(center)
        self._viewer.camera.center = (0.0, *world)
        height = patch.mask.shape[0] * self.field.placement.scale[0]
        self._viewer.camera.zoom = 0.3 * _canvas_height(self._viewer) / height

    # --- what we add -------------------------------------------------------------------------

    def show_dual_images(self, pairs: Sequence[DualImage]) -> None:
        """Show dual images beside the picture: one stack of images, one of exact labels."""
        for layer in self.preview or ():
            self._drop(layer)
        images = np.stack([p.image for p in pairs])
        rgb = images.shape[1] == 3
        if rgb:
            images = np.clip(np.moveaxis(images, 1, -1), 0, 1)
        elif images.shape[1] == 1:
            images = images[:, 0]
        extra = images.ndim - 2 - rgb
        placement = self._beside_image()
        image = Image(
            images,
            name="Dual images",
            rgb=rgb,
            **({} if rgb else {"contrast_limits": (0.0, 1.2)}),
            **placement.of_stack(extra, placement.translate).kwargs(),
        )
        labels = Labels(
            np.stack([p.labels.ids for p in pairs]),
            name="Dual images: exact labels",
            **placement.of_stack(1, placement.translate).kwargs(),
        )
        labels.contour = 1
        self._viewer.add_layer(image)
        self._viewer.add_layer(labels)
        self.preview = (image, labels)
        self._viewer.dims.set_current_step(0, 0)
        if self._viewer.dims.ndim == extra + 2:
            self._viewer.dims.axis_labels = (*("pair", "channel")[:extra], "y", "x")
        self.show_preview_layers(True)

    def show_preview_layers(self, visible: bool) -> None:
        """Show the dual images and bring them into view, or hide them."""
        if self.preview is None:
            return
        for layer in self.preview:
            layer.visible = visible
        if visible:
            self._look_at(self.preview[0])

    def show_prediction(self, prediction: Prediction, name: str) -> Labels:
        """Show a prediction in a new layer; no layer is ever overwritten."""
        session = self._desk.session
        if session is None or self.field is None:
            raise InputError("Open an image first.")
        names = {c.value: c.name for c in session.project.classes}
        found = sorted(prediction.objects, key=lambda o: o.id)
        layer = Labels(
            prediction.ids,
            name=name,
            features={
                "index": [0, *(o.id for o in found)],
                "class": ["background", *(names.get(o.cls, "") for o in found)],
                "score": [1.0, *(round(o.score, 3) for o in found)],
            },
            **self.field.placement.at(prediction.region_origin).kwargs(),
        )
        if len(names) > 1:
            layer.colormap = _class_colormap(prediction, session.project)
        layer.contour = 2
        self._viewer.add_layer(layer)
        self.predictions.append(layer)
        return layer

    def show_truth(self, truth: TrueLabels | None, origin: Sequence[int]) -> None:
        """Show true masks as thin white outlines, or take them away."""
        self._drop(self._truth)
        self._truth = None
        if truth is not None and self.field is not None:
            from napari.utils.colormaps import DirectLabelColormap

            layer = Labels(
                truth.ids,
                name="True masks",
                colormap=DirectLabelColormap(color_dict={0: "transparent", None: "white"}),
                **self.field.placement.at(origin).kwargs(),
            )
            layer.contour = 1
            layer.editable = False
            self._viewer.add_layer(layer)
            self._truth = layer

    def show_text(self, text: str) -> None:
        """Write on the canvas; '' takes the writing away."""
        canvas = getattr(self._viewer, "canvas", None)
        overlay = canvas.overlays.text if canvas is not None else self._viewer.text_overlay
        overlay.text = text
        overlay.visible = bool(text)
        overlay.position = "bottom_left"
        overlay.font_size = 11
        if hasattr(overlay, "box"):
            overlay.box = True

    # --- following the viewer and the session ---------------------------------------------------

    def _on_layer_removed(self, event: Any) -> None:
        gone: Layer = event.value
        if gone is self.clicks.layer:
            self.clicks.forget()
        if gone is self._parts:
            self._parts = None
        if gone is self._truth:
            self._truth = None
        if self.preview is not None and gone in self.preview:
            self.preview = None
        self.predictions = [layer for layer in self.predictions if layer is not gone]
        for key in [k for k, layer in self._images.items() if layer is gone]:
            del self._images[key]
            if key == self._key:
                self._key = None
                self.clicks.hide()
                self._drop(self._parts)
                self.image_changed.emit()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self._key is not None and new.images is not old.images and self.field is not None:
            if not self.field.refs:  # the image was taken out of the project
                self._key = None
                self.clicks.hide()
            self.image_changed.emit()

    def _on_session_changed(self) -> None:
        self._key = None
        self.clicks.hide()
        for layer in (self._parts, self._truth, *(self.preview or ())):
            self._drop(layer)
        self.preview = None
        self._images.clear()
        self.show_text("")
        self.image_changed.emit()

    # --- small things ------------------------------------------------------------------------

    def _drop(self, layer: Layer | None) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _beside_image(self) -> Placement:
        layer = self._images.get(self._key) if self._key else None
        if layer is None or self.field is None:
            return Placement()
        low, high = layer.extent.world[:, -2:]
        gap = 0.04 * (high[1] - low[1])
        placement = self.field.placement
        return placement.of_stack(0, (low[0], high[1] + gap))

    def _look_at(self, layer: Layer) -> None:
        low, high = layer.extent.world[:, -2:]
        size = np.maximum(high - low, 1e-9)
        height, width = _canvas_size(self._viewer)
        self._viewer.camera.center = (0.0, *((low + high) / 2))
        self._viewer.camera.zoom = 0.95 * float(min(height / size[0], width / size[1]))


def _corners(region: Sequence[tuple[int, int]]) -> np.ndarray:
    (top, bottom), (left, right) = region[-2:]
    box = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return np.array(box, float) - 0.5


def _finest(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _canvas_size(viewer: Viewer) -> tuple[float, float]:
    """Return the canvas's (height, width) in screen pixels."""
    canvas = getattr(viewer, "canvas", None)
    size = canvas.size if canvas is not None else (600, 800)
    return float(size[0]), float(size[1])


def _canvas_height(viewer: Viewer) -> float:
    return _canvas_size(viewer)[0]


def _class_colormap(prediction: Prediction, project: Project) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    colors = {c.value: c.color for c in project.classes}
    table: dict[int | None, str] = {o.id: colors.get(o.cls, "white") for o in prediction.objects}
    return DirectLabelColormap(color_dict={**table, 0: "transparent", None: "transparent"})
