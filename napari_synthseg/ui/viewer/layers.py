"""The door to napari's layers: images come in here, everything we show goes out here.

Holds layer objects and never looks one up by name. Layers that the user made are only read;
what we add is always a new layer, placed exactly on its image.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Image, Layer, Shapes
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import full_region
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.labels import Labels as TrueLabels
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.project import Project
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.presenters.steps import has_regions
from napari_synthseg.ui.viewer.clicks_layer import ClicksLayer, DisplayedImage
from napari_synthseg.ui.viewer.heat_map_layers import HeatMapLayers
from napari_synthseg.ui.viewer.output_layers import OutputLayers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.reading import display_image
from napari_synthseg.ui.viewer.regions_layer import RegionsLayer
from napari_synthseg.ui.viewer.view import go_to_plane, look_at_layer, look_at_point

if TYPE_CHECKING:
    from napari import Viewer

Marking = Literal["clicks", "regions"]
"""How the user says what is where: by clicks on objects, or by painted regions."""

FieldKey = tuple[str, tuple[tuple[str, int], ...], tuple[int, ...] | None]


def field_key(ref: ImageRef) -> FieldKey:
    """Return what the parts (regions) of one picture have in common."""
    return ref.uri, tuple(sorted(ref.plane.items())), ref.channels


def picture_name(refs: Sequence[ImageRef]) -> str:
    """Return a name for a picture: what the names of its parts begin with."""
    words = zip(*(ref.name.split() for ref in refs), strict=False)
    common = takewhile(lambda same: len(set(same)) == 1, words)
    return " ".join(first for first, *_ in common) or refs[0].name or "image"


class Layers(QObject):
    """All layers of ours in one viewer."""

    image_changed = Signal()
    """Another image is shown, or none."""
    marking_changed = Signal()

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.clicks = ClicksLayer(viewer, controller)
        self.regions = RegionsLayer(viewer, controller, self.clicks)
        self.marking: Marking = "clicks"
        self.outputs = OutputLayers(viewer)
        self.evidence = HeatMapLayers(viewer)
        self._viewer = viewer
        self._desk = controller
        self._images: dict[FieldKey, Image] = {}
        self._parts: Shapes | None = None
        self._key: FieldKey | None = None
        viewer.layers.events.removed.connect(self._on_layer_removed)
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)

    # --- the image that is shown -------------------------------------------------------------

    @property
    def field(self) -> DisplayedImage | None:
        """The picture that is shown, with its parts, or None."""
        return self.clicks.field if self._key is not None else None

    def owns(self, layer: Layer) -> bool:
        """Tell whether a layer is in use here, or was made here."""
        ours = (*self._images.values(), *(self.outputs.preview or ()), self.regions.layer)
        return any(layer is mine for mine in ours)

    def label_layers(self) -> tuple[LabelsLayer, ...]:
        """Return the viewer's Labels layers that were not made here."""
        every = (x for x in self._viewer.layers if isinstance(x, LabelsLayer))
        return tuple(x for x in every if not self.owns(x))

    @property
    def step(self) -> tuple[int, ...]:
        """Where the viewer's sliders stand, an index for each of its axes."""
        return tuple(int(n) for n in self._viewer.dims.current_step)

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
        placement = Placement.of_pixel_size(ref.pixel_size, ref.unit, ref.ndim)
        channels = pixels.ndim - rgb - ref.ndim
        spatial = placement.of_stack(channels, placement.translate) if channels else placement
        limits = {} if rgb else {"contrast_limits": (0.0, 1.0)}
        name = picture_name(self.field_refs(field_key(ref)))
        layer = Image(pixels, name=name, rgb=rgb, **limits, **spatial.kwargs())
        self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
        self._images[field_key(ref)] = layer
        if ref.ndim == 3:
            go_to_plane(self._viewer, float(layer.extent.world[:, layer.ndim - 3].mean()))
        self._show_field(field_key(ref))

    def _show_field(self, key: FieldKey) -> None:
        layer, session = self._images[key], self._desk.session
        refs = self.field_refs(key)
        if session is None or not refs:
            return
        ndim = refs[0].ndim
        stored = np.shape(_finest(layer))
        shape = tuple(int(n) for n in (stored[:-1] if layer.rgb else stored)[-ndim:])
        field = DisplayedImage(refs, shape, Placement.of(layer, ndim))
        layer.projection_mode = "none"  # clicks of a volume show through planes, its pixels do not
        self._key = key
        for other_key, other in self._images.items():
            other.visible = other_key == key
        self._show_parts(field)
        self.regions.hide()
        if self.marking == "regions" and not self._has_clicks(refs):
            self.clicks.hide()  # nothing in it, and in the way
            self.clicks.field = field
        else:
            self.clicks.show(field)
        if self.marking == "regions" or has_regions(session.project, refs):
            self.regions.show(field, self._on_regions_shown)
        self.activate_marking()
        self.look_at_image()
        self.image_changed.emit()

    def _show_parts(self, field: DisplayedImage) -> None:
        """Outline the parts of a picture of which not all is used for the same purpose."""
        self._drop(self._parts)
        self._parts = None
        whole = full_region(field.shape)
        if all(ref.region is None or ref.region[-2:] == whole[-2:] for ref in field.refs):
            return
        words = {"train": "click here", "validate": "held out", "test": "held out for scoring"}
        boxes = [_corners(ref.region or whole) for ref in field.refs]
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
            **field.placement.plane().kwargs(),
        )  # fmt: skip
        self._viewer.add_layer(self._parts)

    def mark(self, how: Marking) -> None:
        """Choose how the user marks: by clicks, or by painting."""
        if how != self.marking:
            self.marking = how
            self.marking_changed.emit()
        self.activate_marking()

    def activate_marking(self) -> None:
        """Make the layer to mark in the active one, ready for it."""
        if self.marking == "regions":
            self.activate_regions()
        else:
            self.activate_clicks()

    def activate_clicks(self) -> None:
        """Make the Clicks layer the active one, ready to add points."""
        if self.clicks.layer is None and self.field is not None:
            self.clicks.show(self.field)
        layer = self.clicks.layer
        if layer is not None:
            layer.visible = True
            self._viewer.layers.selection.active = layer
            layer.mode = "add"

    def activate_regions(self) -> None:
        """Make the Regions layer the active one, ready to paint; read it first if need be."""
        layer, field = self.regions.layer, self.field
        if layer is None:
            if field is not None and self.regions.field is None:
                self.regions.show(field, self._on_regions_shown)
            return
        if field is not None and not self._has_clicks(field.refs):
            self.clicks.hide()
        layer.visible = True
        self._viewer.layers.selection.active = layer
        if layer.editable:
            layer.mode = "paint"

    def _on_regions_shown(self) -> None:
        if self.marking == "regions":
            self.activate_regions()
        elif self.clicks.layer is not None:
            self._viewer.layers.selection.active = self.clicks.layer

    def look_at_image(self, clicks: bool = True) -> None:
        """Bring the picture into view, with or without what was marked; hide the preview."""
        for marked in (self.clicks.layer, self.regions.layer):
            if marked is not None:
                marked.visible = clicks
        self.outputs.set_preview_visible(False)
        layer = self._images.get(self._key) if self._key else None
        if layer is not None:
            look_at_layer(self._viewer, layer)

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
        if len(center) == 3:
            go_to_plane(self._viewer, float(world[-3]))
        look_at_point(self._viewer, world, patch.mask.shape[-2] * self.field.placement.scale[-2])

    # --- results -----------------------------------------------------------------------------

    def show_dual_images(self, pairs: Sequence[DualImage], captions: Sequence[str] = ()) -> None:
        """Show dual images beside the picture; `captions` say on the canvas what each is."""
        session = self._desk.session
        classes = session.project.classes if session else ()
        self.outputs.show_dual_images(pairs, self._beside_image(), classes, captions)

    def show_prediction(self, prediction: Prediction, name: str, task: str = "segment") -> None:
        """Show what was found on the picture, in new layers: objects, boxes, or regions."""
        session, field = self._desk.session, self.field
        if session is None or field is None or prediction.shown:
            return
        if prediction.candidates:
            show: Any = self.outputs.show_boxes
        elif task == "semantic":
            show = self.outputs.show_regions
        else:
            show = self.outputs.show_prediction
        show(prediction, session.project, name, field.placement)

    def show_truth(self, truth: TrueLabels, origin: Sequence[int]) -> None:
        """Show true masks on the picture; `origin` is their first pixel's place in it."""
        session = self._desk.session
        if self.field is not None and session is not None:
            placement = self.field.placement.at(origin)
            self.outputs.show_truth(truth, placement, session.project)

    # --- following the viewer and the session ---------------------------------------------------

    def _on_layer_removed(self, event: Any) -> None:
        gone: Layer = event.value
        if gone is self.clicks.layer:
            self.clicks.forget()
        if gone is self.regions.layer:
            self.regions.forget()
        if gone is self._parts:
            self._parts = None
        self.outputs.forget(gone)
        self.evidence.forget(gone)
        for key in [k for k, layer in self._images.items() if layer is gone]:
            del self._images[key]
            if key == self._key:
                self._key = None
                self._hide_marked()
                self._drop(self._parts)
                self.image_changed.emit()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self._key is not None and new.images is not old.images and self.field is not None:
            if not self.field.refs:  # the image was taken out of the project
                self._key = None
                self._hide_marked()
            self.image_changed.emit()

    def _on_session_changed(self) -> None:
        self._key = None
        self._hide_marked()
        session = self._desk.session
        project = session.project if session is not None else Project()
        painted = has_regions(project) and not project.clicks
        self.marking = "regions" if painted else "clicks"
        self.marking_changed.emit()
        self._drop(self._parts)
        self._parts = None
        self.outputs.clear()
        self._images.clear()
        self.image_changed.emit()

    # --- small things ------------------------------------------------------------------------

    def _has_clicks(self, refs: Sequence[ImageRef]) -> bool:
        session = self._desk.session
        return session is not None and any(session.project.clicks_on(ref) for ref in refs)

    def _hide_marked(self) -> None:
        self.clicks.hide()
        self.regions.hide()

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
        return placement.of_stack(0, (*placement.translate[:-2], low[0], high[1] + gap))


def _corners(region: Sequence[tuple[int, int]]) -> np.ndarray:
    (top, bottom), (left, right) = region[-2:]
    box = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return np.array(box, float) - 0.5


def _finest(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data
