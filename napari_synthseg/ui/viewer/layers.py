"""The door to napari's layers: images come in here, everything we show goes out here.

Holds layer objects and never looks one up by name. Layers that the user made are only read;
what we add is always a new layer, placed exactly on its image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from napari.layers import Image, Layer, Points, Shapes
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import full_region
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.project import Project
from napari_synthseg.tasks.info import Marking
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.garbage_search import GarbageSearch
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.presenters.images.pictures import (
    SHORT_ROLES,
    ImageKey,
    common_name,
    image_key,
    parts_of,
)
from napari_synthseg.ui.presenters.steps import has_regions
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.drawing.left_out_layer import LeftOutLayer
from napari_synthseg.ui.viewer.drawing.shape_drawing import ShapeDrawing
from napari_synthseg.ui.viewer.found.canvas_clicks import CanvasClicks
from napari_synthseg.ui.viewer.found.marks import FoundMarks
from napari_synthseg.ui.viewer.heat_map_layers import HeatMapLayers
from napari_synthseg.ui.viewer.image_layers import ImageLayers
from napari_synthseg.ui.viewer.image_watch import ImageWatch
from napari_synthseg.ui.viewer.live_layer import LiveLayer
from napari_synthseg.ui.viewer.marking.clicks_layer import ClicksLayer
from napari_synthseg.ui.viewer.marking.outlines_layer import OutlinesLayer
from napari_synthseg.ui.viewer.marking.regions_layer import RegionsLayer
from napari_synthseg.ui.viewer.output_layers import OutputLayers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.preview_layers import PreviewLayers, make_image_layer
from napari_synthseg.ui.viewer.reading.layer_view import (
    finest_level,
    pixel_size,
    read_image,
)
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.viewer.suggesting.review import SuggestionReview
from napari_synthseg.ui.viewer.view import (
    center_on,
    look_at_layer,
    look_at_point,
    make_canvas_current,
    remove_layer,
    unwrapped,
    write_on_canvas,
)
from napari_synthseg.workflow.jobs import Job

if TYPE_CHECKING:
    from napari import Viewer

GAP_SHARE = 0.04
"""Gap between an image and the dual images beside it, as a share of the image's width."""

KEPT_IMAGES = 6
"""Images whose layers stay in the viewer, the last ones that were shown, for going back and forth
among few; of hundreds of images all layers would fill the memory."""

PART_WORDS = {**SHORT_ROLES, "train": "click here"}
"""Role of a part -> what is written on it."""


class Layers(QObject):
    """All layers of ours in one viewer."""

    image_changed = Signal()
    """Another image is shown, or none."""
    marking_changed = Signal()
    step_wanted = Signal(int)
    """A key asked for the next image (1), or the one before (-1)."""

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self.image: DisplayedImage | None = None
        self.marking: Marking = "clicks"
        self.clicks = ClicksLayer(viewer, controller)
        self.outlines = OutlinesLayer(viewer, controller)
        self.regions = RegionsLayer(viewer, controller, self.clicks)
        self.drawing = ShapeDrawing(viewer)
        self.left_out = LeftOutLayer(viewer, controller)
        self.preview = PreviewLayers(viewer, controller)
        self._results = ImageLayers(viewer)
        self.outputs = OutputLayers(viewer, self._results, controller)
        self.heat_maps = HeatMapLayers(viewer, self._results, controller)
        self.live = LiveLayer(viewer, self._results, controller)
        self.suggestions = SuggestionReview(viewer, controller)
        self.marks = FoundMarks(viewer, self._results, controller)
        self.picks = CanvasClicks(viewer)
        self._viewer = viewer
        self._controller = controller
        self._images: dict[ImageKey, ImageWatch] = {}
        self._own_layers: WeakSet[Image] = WeakSet()
        self._parts: Shapes | None = None
        self._to_return: tuple[str, Placement] | None = None
        self._shows_marks = True
        self._is_closed = False
        self._garbage = GarbageSearch()
        self._listening = Subscriptions()
        self._listening.add(self._on_layer_inserted, viewer.layers.events.inserted)
        self._listening.add(self._on_layer_removing, viewer.layers.events.removing)
        self._listening.add(self._on_layer_removed, viewer.layers.events.removed)
        self.regions.shown.connect(self._on_regions_shown)
        for marking in (self.clicks, self.regions):
            marking.image_wanted.connect(self.step_wanted)
        self.suggestions.ended.connect(self._on_suggestions_ended)
        controller.session_changed.connect(self._on_session_changed)
        controller.session_settled.connect(self.image_changed)
        controller.project_changed.connect(self._on_project_changed)
        controller.work_changed.connect(self._return_when_free)
        controller.work_changed.connect(lambda _: self._garbage.leave_out())

    def close(self) -> None:
        """Let go of the viewer: layers that stay in it are plain layers from now on.

        Safe to call twice, also after Qt deleted its part of this.
        """
        if self._is_closed:
            return
        self._is_closed = True
        for part in (self, self.clicks, self.regions, self.drawing, self.outputs):
            part.blockSignals(True)
        self._listening.end()
        self._garbage.end()
        self._forget_images()
        self.clicks.forget()
        self.regions.forget()
        self.outlines.close()
        self.drawing.forget()
        self.left_out.close()
        self.preview.close()
        self.heat_maps.close()
        self.live.close()
        self.suggestions.close()
        self.picks.listen(None)
        self.image = self._to_return = None

    # --- the image that is shown -------------------------------------------------------------

    def owns(self, layer: Layer) -> bool:
        """Return whether a layer is in use here, or was made here."""
        ours = (
            *(watch.layer for watch in self._images.values()), *(self.preview.layers or ()),
            self.clicks.layer, self.regions.layer, self.outlines.layer,
            self.outlines.painter.layer, self._parts, self.left_out.layer, self.drawing.layer,
        )  # fmt: skip
        mine = any(layer is each for each in ours)
        mine = mine or self.suggestions.layer.owns(layer)
        return mine or self._results.owns(layer) or self.heat_maps.owns(layer)

    def label_layers(self) -> tuple[LabelsLayer, ...]:
        """Return the viewer's Labels layers that hold masks to use: the user's, and predictions."""
        every = (x for x in self._viewer.layers if isinstance(x, LabelsLayer))
        return tuple(
            x for x in every if not self.owns(x) or any(x is p for p in self.outputs.predictions)
        )

    def importable_layers(self) -> tuple[Layer, ...]:
        """Return the viewer's Points, Shapes and Labels layers of the user, and predictions."""
        every = (unwrapped(layer) for layer in self._viewer.layers)
        mine = [x for x in every if isinstance(x, (Points, Shapes)) and not self.owns(x)]
        return (*mine, *self.label_layers())

    @property
    def point(self) -> tuple[float, ...]:
        """Where the viewer's sliders stand, in the world."""
        return tuple(float(x) for x in self._viewer.dims.point)

    def adopt(self, layer: Image, refs: Sequence[ImageRef]) -> None:
        """Show images through a layer that is in the viewer already."""
        self._watch(refs[0], layer)
        self.show_image(refs[0])

    def look_at(self, ref: ImageRef, center: Sequence[float], diameter: float) -> None:
        """Bring a place of an image into view, with a ring around it."""
        self._show_then(ref, lambda image: self.marks.look_at(center, diameter, image))

    def look_at_patch(self, patch: Patch) -> None:
        """Bring one patch into view, in the image it was cut from."""
        center = [o + c for o, c in zip(patch.origin, patch.center, strict=True)]
        height = patch.mask.shape[-2]

        def look(image: DisplayedImage) -> None:
            if self.clicks.layer is None:
                return
            world = self.clicks.layer.data_to_world(center)
            look_at_point(self._viewer, world, height * image.placement.scale[-2])

        self._show_then(self._controller.project.image(patch.image), look)

    def _show_then(self, ref: ImageRef, act: Callable[[DisplayedImage], object]) -> None:
        """Do something with an image in view; show it first if need be."""

        def then() -> None:  # by now the user may have gone on to another one
            if self.image is not None and self.image.key == image_key(ref):
                act(self.image)

        if self.image is not None and self.image.key == image_key(ref):
            act(self.image)
        else:
            self.show_image(ref, then)

    def show_image(
        self,
        ref: ImageRef,
        then: Callable[[], object] = lambda: None,
        placement: Placement | None = None,
    ) -> None:
        """Show an image of the project with what is marked on it; read it first if need be.

        `then` is called once it is shown. Where it is read, it is put at `placement`, by default at
        the origin.
        """
        key = image_key(ref)
        if self._controller.session is None:
            return

        def add(read: tuple[Any, bool]) -> None:
            again = self._find(ref.id)
            if parts_of(self._controller.project, key):
                self._make_room(key)
                origin = Placement.of_pixel_size(ref.pixel_size, ref.unit, ref.ndim)
                layer = self._make_layer(ref, *read, placement or origin)
                self._viewer.add_layer(layer)  # gives back a proxy; we hold the layer itself
                self._watch(ref, layer)
                if ref.ndim == 3:
                    center_on(self._viewer, layer.extent.world[:, -3:].mean(axis=0))
                self._show_read(key)
            elif again is not None:  # other channels were chosen meanwhile
                self.show_image(again, then, placement)
                return
            then()

        if key in self._images:
            self._show_read(key)
            then()
        else:
            self._read(ref, add)

    def _read(self, ref: ImageRef, then: Callable[[tuple[Any, bool]], object]) -> None:
        session = self._controller.session
        assert session is not None
        job = Job(read_image(ref, session.folder), f"read {ref.name}")
        self._controller.run(job, then, lane="reading")

    def _make_layer(self, ref: ImageRef, pixels: Any, rgb: bool, placement: Placement) -> Image:
        """Return a layer of an image, with the name that its parts have in common."""
        channels = pixels.ndim - rgb - ref.ndim
        place = placement.of_stack(channels) if channels else placement
        refs = parts_of(self._controller.project, image_key(ref))
        layer = make_image_layer(pixels, common_name(refs), rgb, place)
        self._own_layers.add(layer)
        return layer

    def _make_room(self, key: ImageKey) -> None:
        """Take away what is not to be seen with an image, before its own layers are made.

        What is there then is left out of the search for garbage; what is made then is searched
        alone when it goes.
        """
        self._hide_markings()
        others = [other for other in self._images if other != key]
        self._drop_layers(others[: max(len(others) + 1 - KEPT_IMAGES, 0)])
        self._garbage.leave_out()

    def _show_read(self, key: ImageKey) -> None:
        layer, refs = self._images[key].layer, parts_of(self._controller.project, key)
        if not refs:
            return
        self._make_room(key)
        is_other = self.image is None or self.image.key != key
        ndim = refs[0].ndim
        stored = np.shape(finest_level(layer))
        shape = tuple(int(n) for n in (stored[:-1] if layer.rgb else stored)[-ndim:])
        image = DisplayedImage(self._controller, key, layer, shape)
        self.image = image
        layer.projection_mode = "none"  # clicks of a volume show through planes, its pixels do not
        for other_key, other in self._images.items():
            other.layer.visible = other_key == key
        self._results.show_those_of(image)
        self.outputs.bring_back(image)
        self.outputs.follow_truth(image)
        self._show_parts(image)
        self.left_out.show(image)
        if self.marking == "clicks" or self._has_clicks(image):  # else it is in the way
            self._show_clicks(image)
        if self.marking == "regions" or has_regions(self._controller.project, refs):
            self.regions.show(image)
        self.activate_marking()
        self.look_at_image()
        if is_other:
            look_at_layer(self._viewer, layer)
        self.suggestions.set_image(image)
        self._images[key] = self._images.pop(key)  # the last one is the one that is shown
        self.image_changed.emit()

    def _drop_layers(self, keys: Sequence[ImageKey]) -> None:
        """Remove the layers in which we show images, and those of what was found on them.

        They are made again when the images are shown again. What the user edited stays with its
        image, and so does what cannot be made again.
        """
        going = list[Layer]()
        for key in keys:
            found, layer = self.outputs.drop(key), self._images[key].layer
            going += found
            if layer in self._own_layers and self._results.layers_of(key) <= set(found):
                going.append(layer)
        # in one batch, as napari collects garbage after each
        with self._viewer.layers.batched_update() if going else nullcontext():
            for layer in going:
                remove_layer(self._viewer, layer)

    # --- an image's layer changes ---------------------------------------------------------------

    def _watch(self, ref: ImageRef, layer: Image) -> None:
        key = image_key(ref)
        self._images[key] = ImageWatch(
            layer,
            ref.ndim,
            on_moved=partial(self._on_image_moved, key),
            on_scaled=partial(self._on_image_scaled, key),
            on_changed=partial(self._on_pixels_changed, key),
        )

    def _on_image_moved(self, key: ImageKey) -> None:
        """Move what belongs to an image along with its layer."""
        image = self.image
        if image is None or image.key != key:
            return  # it follows when it is shown again
        self._results.place_those_of(image)
        self.heat_maps.unmark()
        if self._parts is not None:
            image.placement.plane().apply(self._parts)
        self.left_out.follow()
        for marking in (self.outlines, self.clicks, self.regions, self.suggestions):
            marking.follow()

    def _on_image_scaled(self, key: ImageKey) -> None:
        """Take over the pixel size that the user gave a layer."""
        session, watch = self._controller.session, self._images[key]
        size, unit = pixel_size(watch.layer.scale[-watch.ndim :], watch.layer.units[-watch.ndim :])
        refs = parts_of(self._controller.project, key)
        if size is None or session is None or session.read_only:
            return
        if unit == "px" and any(ref.pixel_size and ref.unit != "px" for ref in refs):
            tell(
                f"Layer '{watch.layer.name}' is scaled without a unit of length: the pixel size of "
                f"'{common_name(refs)}' stays as it was. To change it, set the layer's units, too."
            )
            return
        changed = [
            ref.model_copy(update={"pixel_size": size, "unit": unit})
            for ref in refs
            if ref.pixel_size is None or not np.allclose(ref.pixel_size, size) or ref.unit != unit
        ]
        if changed:
            self._controller.edit(self._controller.project.with_images(*changed), "set pixel size")
            sizes = " x ".join(f"{length:g}" for length in size)
            tell(f"The pixel size of '{common_name(refs)}' is {sizes} {unit} now, as of its layer.")

    def _scale_own_layer(self, image: DisplayedImage) -> None:
        """Show the image in view in the pixel size that it has now, unless its layer is the user's.

        Layers of the user are only read.
        """
        refs, layer, ndim = image.refs, image.layer, len(image.shape)
        if not refs or layer not in self._own_layers or layer.ndim != ndim:
            return
        size, unit = pixel_size(layer.scale, layer.units)
        wanted = refs[0].pixel_size
        if unit == refs[0].unit and _alike(size, wanted):
            return
        place = Placement.of_pixel_size(wanted, refs[0].unit, ndim)
        layer.scale, layer.units = place.scale, place.units or ("pixel",) * ndim
        look_at_layer(self._viewer, layer)

    def _on_pixels_changed(self, key: ImageKey) -> None:
        """Show an image in a layer of its own, as its layer shows something else now."""
        watch = self._images.pop(key)
        watch.close()
        refs = parts_of(self._controller.project, key)
        if not refs:
            return
        tell(
            f"Layer '{watch.layer.name}' shows other pixels now than image '{common_name(refs)}', "
            "which is used as it was, with its clicks, and gets a layer of its own. To use the new "
            "pixels, add the layer as another image (step 1)."
        )
        session, image = self._controller.session, self.image
        if session is not None and image is not None and image.key == key:
            # not in the lane of what the user asks for, which may be busy: nobody would ask again
            self._controller.compute(
                f"read {refs[0].name}",
                partial(exhaust, read_image(refs[0], session.folder)),
                partial(self._replace_layer, image, watch),
            )

    def _replace_layer(
        self, image: DisplayedImage, watch: ImageWatch, read: tuple[Any, bool]
    ) -> None:
        """Show an image in a layer of its own, below what is marked on it."""
        if self.image is not image:
            return
        if not image.refs:
            return
        layer = self._make_layer(image.refs[0], *read, watch.placement)
        layers, active = self._viewer.layers, self._viewer.layers.selection.active
        layers.insert(layers.index(watch.layer) + 1 if watch.layer in layers else 0, layer)
        layers.selection.active = active
        image.layer = layer
        layer.projection_mode = "none"
        self._watch(image.refs[0], layer)
        self._on_image_moved(image.key)

    def _forget_images(self) -> None:
        for watch in self._images.values():
            watch.close()
        self._images.clear()

    def _hide_markings(self) -> None:
        """Take the marking layers away, before any other layer changes.

        Seen with napari 0.9.2 and vispy 0.17: the draw that gets them ready to go crashes the
        program where an image was added that is not drawn yet. In one batch, as napari searches for
        garbage after each.
        """
        shown = (self.outlines, self.drawing, self.clicks, self.regions, self.left_out)
        some = self._parts is not None or any(holder.layer is not None for holder in shown)
        with self._viewer.layers.batched_update() if some else nullcontext():
            self.outlines.hide()
            self.drawing.stop()
            self.clicks.hide()
            self.regions.hide()
            self.left_out.hide()
            self.suggestions.set_image(None)
            remove_layer(self._viewer, self._parts)

    def _show_clicks(self, image: DisplayedImage) -> None:
        """Show the clicks on an image, above their outlines."""
        self.outlines.show(image)
        self.clicks.show(image)
        self.outlines.attach(self.clicks.layer)

    def _show_parts(self, image: DisplayedImage) -> None:
        """Outline the parts of an image of which not all is used for the same purpose."""
        whole = full_region(image.shape)
        if all(ref.region is None or ref.region[-2:] == whole[-2:] for ref in image.refs):
            return
        boxes = [_corners(ref.region or whole) for ref in image.refs]
        self._parts = Shapes(
            boxes,
            shape_type="rectangle",
            edge_color="#dddddd",
            face_color="transparent",
            edge_width=max(image.shape) / 400,
            name="Parts",
            features={"part": [PART_WORDS[ref.role] for ref in image.refs]},
            text={
                "string": "{part}", "color": "white", "size": 10, "anchor": "upper_left",
                "translation": [-max(image.shape) / 200, 0],  # above the line, not upon it
            },
            **image.placement.plane().kwargs(),
        )  # fmt: skip
        self._viewer.add_layer(self._parts)

    def mark(self, how: Marking) -> None:
        """Choose how the user marks: by clicks, or by painting."""
        if how != self.marking:
            self.marking = how
            self.marking_changed.emit()
        self.activate_marking()

    def activate_marking(self) -> None:
        """Make the layer to mark in the active one, ready for it; show it first if need be."""
        image = self.image
        if self.marking == "clicks":
            if self.clicks.layer is None and image is not None:
                self._show_clicks(image)
            self.clicks.activate()
        elif self.regions.layer is not None:
            if image is not None and not self._has_clicks(image):
                self.outlines.hide()
                self.clicks.hide()  # nothing in it, and in the way
            self.regions.activate()
        elif image is not None and self.regions.image is None:
            self.regions.show(image)

    def _on_regions_shown(self) -> None:
        if not self._shows_marks and self.regions.layer is not None:
            self.regions.layer.visible = False  # results are looked at by now
        elif self.marking == "regions":
            self.activate_marking()
        elif self.clicks.layer is not None:
            self._viewer.layers.selection.active = self.clicks.layer

    def _on_suggestions_ended(self) -> None:
        if self._shows_marks and self.marking == "clicks":
            self.clicks.activate()

    def look_at_image(self, clicks: bool = True) -> None:
        """Show the image, with or without what is marked, in place of the preview.

        The view stays where the user looks, unless that was the preview.
        """
        self._shows_marks = clicks
        for marked in (self.outlines.layer, self.clicks.layer, self.regions.layer):
            if marked is not None:
                marked.visible = clicks
        was_beside = self.preview.is_visible
        self.preview.set_visible(False)
        if self.image is not None:
            if was_beside:
                look_at_layer(self._viewer, self.image.layer)
            self._select_shown(self.image)

    def _select_shown(self, image: DisplayedImage) -> None:
        """Select a layer that is seen in place of one that was hidden here.

        That to mark in while marks are shown, else what was found last, else the image.
        """
        selection = self._viewer.layers.selection
        active = unwrapped(selection.active)
        if active is None or active.visible or not self.owns(active):
            return
        marking = self.clicks.layer if self.marking == "clicks" else self.regions.layer
        if self._shows_marks and marking is not None:
            self.activate_marking()
        else:
            found = [layer for layer in self.outputs.predictions if layer.visible]
            selection.active = found[-1] if found else image.layer

    # --- results -----------------------------------------------------------------------------

    def show_dual_images(self, pairs: Sequence[DualImage], captions: Sequence[str] = ()) -> None:
        """Show dual images beside the image; `captions` say on the canvas what each is."""
        self.preview.show(pairs, self._beside_image(), captions)

    def show_text(self, text: str) -> None:
        """Write on the canvas; '' removes the text."""
        write_on_canvas(self._viewer, text)

    # --- following the viewer and the session ---------------------------------------------------

    def _on_layer_inserted(self, event: Any) -> None:
        self._garbage.has_come(unwrapped(event.value))

    def _on_layer_removing(self, event: Any) -> None:
        going = unwrapped(self._viewer.layers[event.index])
        self._garbage.about_to_go(going)
        for marking in (self.clicks, self.regions):
            if marking.layer is going:
                marking.settle()
        make_canvas_current(self._viewer)

    def _on_layer_removed(self, event: Any) -> None:
        gone: Layer = event.value
        for marking in (self.clicks, self.regions):
            if marking.layer is gone:
                marking.forget()
        if gone is self._parts:
            self._parts = None
        if gone is self.left_out.layer:
            self.left_out.forget()
        if gone is self.drawing.layer:
            self.drawing.forget()
        for holder in (
            self.outlines, self.preview, self.outputs, self.heat_maps, self.live, self._results,
            self.suggestions, self.marks,
        ):  # fmt: skip
            holder.forget(gone)
        for key in [k for k, watch in self._images.items() if watch.layer is gone]:
            self._images.pop(key).close()
            if self.image is not None and key == self.image.key:
                # napari may be in the middle of removing more layers, ours among them
                QTimer.singleShot(0, self._on_image_gone)

    def _on_image_gone(self) -> None:
        if not self._is_closed and self.image is not None and self.image.key not in self._images:
            self._hide_image()
            self.image_changed.emit()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if self.image is None or new.images is old.images:
            return
        self._scale_own_layer(self.image)
        if not self.image.refs:  # it was removed from the project, or has other channels now
            shown, place = {ref.id for ref in parts_of(old, self.image.key)}, self.image.placement
            self._hide_image()
            again = next((ref for ref in new.images if ref.id in shown), None)
            if again is not None:
                self._to_return = again.id, place
                self._return_when_free()
        self._drop_layers([key for key in self._images if not parts_of(new, key)])
        self.image_changed.emit()

    def _return_when_free(self, _: str = "") -> None:
        """Show the image that was hidden by a change of the project, unless another one is shown.

        Another one may be read just now, and nobody would ask again.
        """
        if self._to_return is None:
            return
        ident, place = self._to_return
        ref = self._find(ident)
        if self.image is not None or ref is None:
            self._to_return = None
        elif image_key(ref) in self._images or self._controller.job("reading") is None:
            self._to_return = None
            self.show_image(ref, placement=place)

    def _find(self, ident: str) -> ImageRef | None:
        """Return the image of this id as the project has it now."""
        return next((ref for ref in self._controller.project.images if ref.id == ident), None)

    def _on_session_changed(self) -> None:
        self._to_return = None
        self._hide_image()
        painted = has_regions(self._controller.project) and not self._controller.project.clicks
        self.marking = "regions" if painted else "clicks"
        self.marking_changed.emit()
        self.preview.clear()
        self.outputs.hide_truth()
        self.show_text("")
        self._forget_images()

    # --- small things ------------------------------------------------------------------------

    def _has_clicks(self, image: DisplayedImage) -> bool:
        project = self._controller.project
        return any(project.clicks_on(ref) or project.negatives_on(ref) for ref in image.refs)

    def _hide_image(self) -> None:
        """Take away what belongs to the image that is shown; its own layer stays."""
        self.image = None
        self._hide_markings()

    def _beside_image(self) -> Placement:
        if self.image is None:
            return Placement()
        low, high = self.image.layer.extent.world[:, -2:]
        placement, gap = self.image.placement, GAP_SHARE * (high[1] - low[1])
        upright = replace(placement, scale=tuple(map(abs, placement.scale)))
        corner = (*placement.translate[:-2], low[0], high[1] + gap)
        return upright.of_stack(0, corner)


def _alike(first: Sequence[float] | None, second: Sequence[float] | None) -> bool:
    """Tell whether two pixel sizes, of which each may be unknown, are the same."""
    if first is None or second is None:
        return first is second
    return len(first) == len(second) and np.allclose(first, second)


def _corners(region: Sequence[tuple[int, int]]) -> np.ndarray:
    (top, bottom), (left, right) = region[-2:]
    box = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return np.array(box, float) - 0.5
