"""Step 1, how large objects are: drawn across one, or offered as their outlines measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QWidget

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.pixel_size import line_length
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import (
    Notice,
    column_in,
    push_button,
    quiet_label,
    row_of,
)
from napari_synthseg.workflow.outlining.diameters import (
    DiameterOffer,
    offer_diameter,
    with_diameter,
)

PURPOSE = "diameter"
"""What the drawing of a line is for."""

LEAST_LINE_PX = 1.0
"""A shorter line is a click that slipped."""


class DiameterBox(QWidget):
    """Sets the diameter of the active class by a line, or by what its outlines measure.

    Its page places `draw_button`.
    """

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers = controller, layers
        self.offer: DiameterOffer | None = None
        self.words = Notice()
        self.use_button = push_button("", self.use, "Take it for the class; undo takes it back")
        self.draw_button = push_button(
            "Draw diameter",
            self._on_draw,
            "Draw a line across an object of the chosen class: its length is the diameter",
        )
        self.draw_button.setCheckable(True)
        self.hint = quiet_label("Draw a line across an object, from edge to edge. Esc ends it.")
        self.offered = row_of(self.words, self.use_button, stretch=self.words)
        column_in(self, self.hint, self.offered)
        layers.drawing.changed.connect(self._show_drawing)
        self._show_drawing()
        layers.outlines.changed.connect(self.refresh)
        layers.clicks.active_class_changed.connect(self.refresh)
        controller.project_changed.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show the offer, if there is one."""
        cls, image = self._active_class(), self.layers.outlines.image
        refs = image.refs if image is not None else ()
        outlines = self.layers.outlines.feed.outlines
        self.offer = offer_diameter(outlines, cls, refs[0]) if cls and refs else None
        offer = self.offer
        for widget in (self.offered, self.use_button):
            widget.setVisible(offer is not None)
        if offer is None:
            self.words.say("")
            return
        size = f"{offer.changed.diameter:g} {offer.changed.unit}"
        self.words.say(f"'{offer.cls.name}' looks about {size} wide, by {offer.objects} outlines.")
        self.use_button.setText(f"Use {size}")

    def use(self) -> None:
        """Take the offered diameter."""
        if (offer := self.offer) is not None:
            self._set(offer.changed)

    def _set(self, changed: ObjectClass) -> None:
        new = self.controller.project.with_classes(changed)
        self.controller.edit(new, "change diameter of class")

    # --- drawing -----------------------------------------------------------------------------

    def _on_draw(self) -> None:
        image, drawing = self.layers.image, self.layers.drawing
        if drawing.purpose == PURPOSE:
            drawing.stop()
            self.layers.activate_marking()
        elif image is not None:
            drawing.start(image, "line", PURPOSE, self._on_drawn)
        self._show_drawing()

    def _on_drawn(self, ends: NDArray[np.float64]) -> None:
        self.layers.activate_marking()
        cls, image = self._active_class(), self.layers.image
        if cls is None or image is None or not image.refs:
            return
        ref = image.refs[0]
        length = line_length(ends.tolist(), ref.spacing[-2:])
        if length >= LEAST_LINE_PX:
            self._set(with_diameter(cls, length, ref))

    def _show_drawing(self) -> None:
        draws = self.layers.drawing.purpose == PURPOSE
        self.draw_button.setChecked(draws)
        self.hint.setVisible(draws)

    def _active_class(self) -> ObjectClass | None:
        active = self.layers.clicks.active_class
        return next((c for c in self.controller.project.classes if c.value == active), None)
