"""The layers of results on an image: predictions and true masks. Always new ones.

They are made in a thread, as colors, statistics and features of large label images take a moment,
and are added to the viewer on the GUI thread.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer, Points, Vectors
from qtpy.QtCore import QObject, Signal

from napari_synthseg.core.annotations import ImageRef, MaskTruth, ObjectClass
from napari_synthseg.core.geometry import full_region
from napari_synthseg.core.labels import PixelLabels, RegionLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    InstancePrediction,
    PointPrediction,
    Prediction,
    RegionPrediction,
    at_score,
)
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.pictures import ImageKey
from napari_synthseg.ui.viewer.class_colors import (
    REGIONS_OPACITY,
    class_colormap,
    label_colormap,
    small_ids,
)
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.image_layers import ImageLayers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.quick_layers import ResultLabels
from napari_synthseg.ui.viewer.view import remove_layer
from napari_synthseg.workflow.truths import read_true_masks

if TYPE_CHECKING:
    from napari import Viewer

PREDICTION = "Prediction: "
"""What the names of layers with predictions begin with."""

POINT_SIZE_PX = 6.0
"""Of predicted centers whose objects have no known size."""

MAX_TEXTS = 40
"""Objects up to which class and score are written at each; the features have them in any case."""

EARLIER_KEPT = 3
"""Earlier predictions of an image whose layers stay, hidden. A hidden layer takes ten megabytes,
and each round of corrections makes one."""

LINES_UP_TO_PX = 4_000_000
"""Pixels of a plane up to which lines stand around objects; napari draws those on the GUI thread,
which takes it a third of a second for 17 megapixels. On larger ones objects are filled, each in
its own color: those that touch would be one blob in the color of their class."""

FILLED_OPACITY = 0.4
"""Of objects that are filled, so that the image shows through them."""

EDITS = ("data", "paint", "features", "name")
"""Events of a layer that tell that the user made it their own."""

Classes = Sequence[ObjectClass]


@dataclass(eq=False)
class _Shown:
    """A prediction, which others keep, in its layers."""

    prediction: weakref.ref[Prediction]
    run: str
    image: str
    layers: list[Layer]
    name: str
    is_edited: bool = False

    def watch(self) -> None:
        """Notice from now on what the user changes."""

        def note(_: object) -> None:
            self.is_edited = True

        for layer in self.layers:
            for name in EDITS:
                if (event := getattr(layer.events, name, None)) is not None:
                    event.connect(note)


@dataclass(frozen=True)
class _Dropped:
    """A prediction whose layers were removed, and whether the user could see them."""

    prediction: weakref.ref[Prediction]
    name: str
    was_visible: bool


class OutputLayers(QObject):
    """Predictions and true masks in one viewer.

    Attributes
    ----------
    predictions
        The prediction layers, oldest first; of boxes those of their centers.
    """

    truth_changed = Signal()
    """True masks are shown, or not any more."""

    def __init__(self, viewer: Viewer, layers: ImageLayers, controller: SessionController) -> None:
        super().__init__()
        self.predictions: list[Layer] = []
        self._shown: list[_Shown] = []
        self._dropped: dict[ImageKey, list[_Dropped]] = {}
        self._in_view: dict[str, tuple[str, weakref.ref[Prediction] | None]] = {}
        """Id of an image -> the run, and what it found there, that was asked for last."""
        self._truth: Labels | None = None
        self._wants_truth = False
        self._truth_coming: ImageKey | None = None
        self._viewer, self._layers, self._controller = viewer, layers, controller

    def show_prediction(
        self,
        prediction: Prediction,
        name: str,
        image: DisplayedImage,
        least: float | None = None,
        alone: bool = True,
        visible: bool = True,
    ) -> None:
        """Show what was found on an image, from a score on, soon, in new layers, `visible` or not.

        With `alone`, what was found on it before is hidden: two outlines of one object are not told
        apart. Of what is hidden so, the last `EARLIER_KEPT` stay, and all that the user edited.
        """
        classes = self._controller.project.classes

        def make() -> list[Layer]:
            return make_prediction_layers(
                at_score(prediction, least), classes, name, image.placement, max(image.shape)
            )

        def add(layers: Sequence[Layer]) -> None:
            if alone:
                self._add_alone(prediction, layers, name, image)
                return
            self._add(prediction, layers, name, image)
            for layer in () if visible else layers:
                self._layers.hide(layer)

        self._controller.compute("show the prediction", make, add)

    def show_found_by(
        self,
        run: str,
        of: str,
        prediction: Prediction | None,
        name: str,
        image: DisplayedImage,
        least: float | None = None,
    ) -> None:
        """Show what a run (id) found on an image (id), soon, and hide what other runs found there.

        Asked again for the same, it leaves all as the user has it by then. Where `prediction` is
        None, the run has found nothing there yet.
        """
        wanted = (run, weakref.ref(prediction) if prediction is not None else None)
        if self._in_view.get(of) == wanted:
            return
        self._in_view[of] = wanted
        classes, longest = self._controller.project.classes, max(image.shape)

        def make() -> list[Layer]:
            if prediction is None or self._layers_of(prediction):
                return []
            found = at_score(prediction, least)
            return make_prediction_layers(found, classes, name, image.placement, longest)

        def put(made: Sequence[Layer]) -> None:
            mine = self._layers_of(prediction) if prediction is not None else []
            if prediction is not None and not mine:
                self._add_alone(prediction, made, name, image)
                return
            for one in self._shown:
                if one.image == of and one.run != run:
                    self._hide(one)
            if mine and not self._layers.is_shown(image):
                self._in_view.pop(of, None)  # it is asked for again when its image is shown
                return
            for layer in mine:
                layer.visible = True
                self._viewer.layers.selection.active = layer

        self._controller.compute("show the prediction", make, put)

    def show_from(
        self, prediction: Prediction, least: float | None, name: str, image: DisplayedImage
    ) -> None:
        """Show a prediction that is shown from another score on, soon, in the same layers.

        Layers that the user edited stay as they are, hidden, and new ones come. What the user
        removed stays away.
        """
        run, of = prediction.run, prediction.image
        if self._last_shown(run, of) is None:
            return
        classes, longest = self._controller.project.classes, max(image.shape)

        def make() -> list[Layer] | np.ndarray:
            found, shown = at_score(prediction, least), self._last_shown(run, of)
            if isinstance(found, InstancePrediction) and shown and not shown.is_edited:
                return small_ids(found.ids)
            return make_prediction_layers(found, classes, name, image.placement, longest)

        def put(made: list[Layer] | np.ndarray) -> None:
            shown = self._last_shown(run, of)
            if shown is None:
                return
            if isinstance(made, np.ndarray) and not shown.is_edited:
                (layer,) = shown.layers
                layer.data = made
                shown.prediction = weakref.ref(prediction)
                shown.is_edited = False  # this was no user
                return
            if isinstance(made, np.ndarray):  # edited in this very moment
                made = make_prediction_layers(
                    at_score(prediction, least), classes, name, image.placement, longest
                )
            for layer in list(shown.layers):
                if shown.is_edited:
                    self._layers.hide(layer)
                else:
                    remove_layer(self._viewer, layer)
            self._add(prediction, made, name, image)

        self._controller.compute("show the prediction", make, put)

    def _layers_of(self, prediction: Prediction) -> list[Layer]:
        """Return the layers that show a prediction now; of several, those made last."""
        last = self._last_shown(prediction.run, prediction.image)
        return last.layers if last is not None and last.prediction() is prediction else []

    def _hide(self, shown: _Shown) -> None:
        for layer in shown.layers:
            self._layers.hide(layer)

    def _last_shown(self, run: str, image: str) -> _Shown | None:
        """Return a prediction as it was shown last, unless it is gone."""
        here = (one for one in reversed(self._shown) if (one.run, one.image) == (run, image))
        return next(here, None)

    def _add_alone(
        self, prediction: Prediction, layers: Sequence[Layer], name: str, image: DisplayedImage
    ) -> None:
        """Add the layers of a prediction, and hide those of what was found there before."""
        before = [one for one in self._shown if one.image == prediction.image]
        for one in before:
            self._hide(one)
        self._add(prediction, layers, name, image)
        for one in before[:-EARLIER_KEPT]:
            for layer in () if one.is_edited else tuple(one.layers):
                remove_layer(self._viewer, layer)

    def _add(
        self, prediction: Prediction, layers: Sequence[Layer], name: str, image: DisplayedImage
    ) -> None:
        """Add the layers of a prediction to the viewer."""
        has_pixels = isinstance(prediction, (InstancePrediction, RegionPrediction))
        for layer in layers:
            self._layers.add(layer, image, prediction.region_origin if has_pixels else ())
        self.predictions.extend(layers[-1:])
        shown = _Shown(
            weakref.ref(prediction), prediction.run, prediction.image, list(layers), name
        )
        shown.watch()
        self._shown.append(shown)

    def drop(self, key: ImageKey) -> list[Layer]:
        """Return the layers of an image's predictions for removal, unless the user edited them.

        They come back with the image; see `bring_back`. What a run found earlier stays, as the
        session has only what each run found last.
        """
        going = list[Layer]()
        for one in self._shown:
            if one.is_edited or self._layers.key_of(one.layers[0]) != key:
                continue
            if not self._is_last(one.prediction()):
                continue
            was_visible = any(map(self._layers.is_visible_with_image, one.layers))
            dropped = _Dropped(one.prediction, one.name, was_visible)
            self._dropped.setdefault(key, []).append(dropped)
            going += one.layers
        return going

    def bring_back(self, image: DisplayedImage) -> None:
        """Show again, soon, the predictions of an image whose layers were dropped.

        What was predicted anew meanwhile does not come back: whoever predicted shows the new one.
        """
        for one in self._dropped.pop(image.key, ()):
            found = one.prediction()
            run = self._controller.project.find_run(found.run) if found is not None else None
            if run is not None and found is not None and self._is_last(found):
                least, visible = run.least_score, one.was_visible
                self.show_prediction(found, one.name, image, least, alone=False, visible=visible)

    def _is_last(self, prediction: Prediction | None) -> bool:
        """Tell whether a prediction is what its run found last on its image, as far as is known."""
        session = self._controller.session
        if prediction is None or session is None:
            return False
        return session.found.get(prediction.run, {}).get(prediction.image) is prediction

    def true_part(self, image: DisplayedImage) -> ImageRef | None:
        """Return the first part of an image that has true masks, if any."""
        masked = {t.image for t in self._controller.project.truths if isinstance(t, MaskTruth)}
        return next((ref for ref in image.refs if ref.id in masked), None)

    def shows_truth_of(self, image: DisplayedImage) -> bool:
        """Tell whether the true masks of an image are shown, or will be in a moment."""
        if self._truth_coming == image.key and self._controller.job("display") is not None:
            return True
        return self._truth is not None and self._layers.key_of(self._truth) == image.key

    def follow_truth(self, image: DisplayedImage) -> None:
        """Show the true masks of an image that came into view, where they are wanted and known."""
        if not self._wants_truth or self.shows_truth_of(image):
            return
        if (ref := self.true_part(image)) is not None:
            self.show_truth(ref, image)

    def show_truth(self, ref: ImageRef, image: DisplayedImage) -> None:
        """Show the true masks of a part of an image, soon, as thin lines; filled on large images.

        Lines around objects are white, those of regions have their class's color.
        """
        session, classes = self._controller.session, self._controller.project.classes
        assert session is not None
        origin = [start for start, _ in ref.region or full_region(image.shape)]

        read = read_true_masks(session.project, session.folder, ref)

        def make() -> Labels | None:
            truth = read.result()
            if truth is None:
                return None
            return make_truth_layer(truth, classes, image.placement.at(origin))

        def add(layer: Labels | None) -> None:
            if self._truth_coming == image.key:
                self._truth_coming = None
            if self._wants_truth and layer is not None:  # not hidden in the meantime
                before, self._truth = self._truth, layer
                remove_layer(self._viewer, before)
                self._layers.add(layer, image, origin)
            self.truth_changed.emit()

        self._wants_truth, self._truth_coming = True, image.key
        self._controller.compute("show the true masks", make, add)

    def hide_truth(self) -> None:
        """Remove the true masks, and show those of no other image."""
        before, self._truth, self._truth_coming = self._truth, None, None
        self._wants_truth = False
        remove_layer(self._viewer, before)
        self.truth_changed.emit()

    def forget(self, gone: Layer) -> None:
        """Note that a layer was removed."""
        if gone is self._truth:  # removed by the user
            self._truth, self._wants_truth = None, False
            self.truth_changed.emit()
        self.predictions = [layer for layer in self.predictions if layer is not gone]
        for one in self._shown:
            one.layers = [layer for layer in one.layers if layer is not gone]
        self._shown = [one for one in self._shown if one.layers]


def make_prediction_layers(
    prediction: Prediction, classes: Classes, name: str, placement: Placement, longest: int
) -> list[Layer]:
    """Return the layers that show what was found; none for tags, which have no place on an image.

    Boxes are lines and points, as these appear at once even for thousands of boxes. They are as
    thick as is seen well when the whole image is, whose longest side is `longest` pixels.
    """
    at, known = placement.at(prediction.region_origin), {c.value for c in classes}
    match prediction:
        case InstancePrediction():
            return [_instances(prediction, classes, name, at)]
        case RegionPrediction():
            return [_regions(prediction, classes, name, at)]
        case BoxPrediction():
            found = [o for o in prediction.objects if o.cls in known]
            lines = _box_lines(found, classes, name, placement, width=longest / 400)
            return [lines, _centers(found, classes, name, placement, size=longest / 120)]
        case PointPrediction():
            points = [o for o in prediction.objects if o.cls in known]
            return [_centers(points, classes, name, placement, POINT_SIZE_PX)]
    return []


def make_truth_layer(truth: PixelLabels, classes: Classes, placement: Placement) -> Labels:
    """Return a layer with lines around true masks, or with these filled; see `LINES_UP_TO_PX`."""
    regions = isinstance(truth, RegionLabels)
    layer = ResultLabels(small_ids(truth.array), name="True masks", **placement.kwargs())
    if regions:
        layer.colormap = class_colormap(classes)
    elif not _is_filled(layer.data):
        layer.colormap = label_colormap({}, "white")
    _draw_lines(layer, 2 if regions else 1)
    layer.editable = False
    return layer


def _instances(
    prediction: InstancePrediction, classes: Classes, name: str, placement: Placement
) -> Labels:
    found = sorted(prediction.objects, key=lambda o: o.id)
    # napari shows large ones of 32 bits only once it has gone through them on the GUI thread
    is_small = len(classes) > 1 or _is_filled(prediction.ids)
    layer = ResultLabels(
        # a copy in any case: what is painted on the layer is not what was found
        small_ids(prediction.ids) if is_small else np.array(prediction.ids),
        name=name,
        opacity=1.0,
        features={
            "index": [0, *(o.id for o in found)],
            "class": ["background", *(_class_name(o.cls, classes) for o in found)],
            "score": [1.0, *(round(o.score, 3) for o in found)],
        },
        **placement.kwargs(),
    )
    if len(classes) > 1 and not _is_filled(layer.data):
        colors = {c.value: c.color for c in classes}
        ids = {o.id: colors.get(o.cls, "white") for o in found}
        layer.colormap = label_colormap(ids, "transparent")
    _draw_lines(layer, 2)
    return layer


def _draw_lines(layer: Labels, width: int) -> None:
    """Let a layer show lines around its objects, where napari draws these at once."""
    if _is_filled(layer.data):
        layer.opacity = FILLED_OPACITY
    else:
        layer.contour = width


def _is_filled(ids: np.ndarray) -> bool:
    """Tell whether objects are filled, as napari does not draw lines around them at once."""
    return int(np.prod(ids.shape[-2:])) > LINES_UP_TO_PX


def _regions(
    prediction: RegionPrediction, classes: Classes, name: str, placement: Placement
) -> Labels:
    found = [int(v) for v in np.flatnonzero(prediction.pixel_counts) if v > 0]
    return ResultLabels(
        np.array(prediction.values),  # a copy, as above
        name=name,
        opacity=REGIONS_OPACITY,
        colormap=class_colormap(classes),
        features={
            "index": [0, *found],
            "class": ["background", *(_class_name(v, classes) for v in found)],
        },
        **placement.kwargs(),
    )


def _box_lines(
    found: Sequence[FoundObject], classes: Classes, name: str, placement: Placement, width: float
) -> Vectors:
    """Return the four sides of each box; pixel centers are at integers."""
    boxes = np.array([o.box for o in found], float).reshape(-1, 2, 2) - 0.5
    corners = np.stack([boxes[:, 0][:, [0, 0, 1, 1]], boxes[:, 1][:, [0, 1, 1, 0]]], axis=-1)
    ways = np.roll(corners, -1, axis=1) - corners
    return Vectors(
        np.stack([corners, ways], axis=2).reshape(-1, 2, 2),
        name=f"Boxes: {name.removeprefix(PREDICTION)}",
        vector_style="line",
        edge_width=width,
        edge_color=np.repeat(_colors(found, classes), 4, axis=0) if found else "white",
        **placement.kwargs(),
    )


def _centers(
    found: Sequence[FoundPoint], classes: Classes, name: str, placement: Placement, size: float
) -> Points:
    return Points(
        np.array([o.center for o in found]).reshape(-1, len(placement.scale)),
        name=name,
        size=size,
        face_color=_colors(found, classes) if found else "white",
        border_width=0,
        features={
            "class": [_class_name(o.cls, classes) for o in found],
            "score": [round(o.score, 3) for o in found],
        },
        text={
            "string": "{class} {score:.2f}",
            "color": "white",
            "size": 8,
            "anchor": "upper_left",
            "visible": len(found) <= MAX_TEXTS,
        },
        **placement.kwargs(),
    )


def _colors(found: Sequence[FoundPoint], classes: Classes) -> np.ndarray:
    """Return the color of each object's class, shape (object, 4), 0 to 1."""
    table = {c.value: [int(c.color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in classes}
    return np.array([[*table[o.cls], 1.0] for o in found])


def _class_name(value: int, classes: Classes) -> str:
    return next((c.name for c in classes if c.value == value), f"class {value}")
