"""Step 1, how large objects are: what their outlines measure is offered for the diameter."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import Notice, column_in, push_button
from napari_synthseg.workflow.outlining.diameters import DiameterOffer, offer_diameter


class DiameterBox(QWidget):
    """Offers the diameter that the outlines of the active class measure."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers = controller, layers
        self.offer: DiameterOffer | None = None
        self.words = Notice()
        self.use_button = push_button("", self.use, "Take it for the class; undo takes it back")
        column_in(self, self.words, self.use_button)
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
        self.use_button.setVisible(offer is not None)
        if offer is None:
            self.words.say("")
            return
        size = f"{offer.diameter:g} {offer.cls.unit}"
        self.words.say(
            f"Objects of '{offer.cls.name}' look about {size} wide, by {offer.objects} outlines. "
            f"The diameter is {offer.cls.diameter:g} {offer.cls.unit}."
        )
        self.use_button.setText(f"Use {size}")

    def use(self) -> None:
        """Take the offered diameter."""
        if (offer := self.offer) is not None:
            new = self.controller.project.with_classes(offer.changed)
            self.controller.edit(new, "change diameter of class")

    def _active_class(self) -> ObjectClass | None:
        active = self.layers.clicks.active_class
        return next((c for c in self.controller.project.classes if c.value == active), None)
