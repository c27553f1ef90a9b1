"""Which part of images counts: drawn as rectangle or polygon, and information bars left out."""

from __future__ import annotations

from functools import partial

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.presenters.images.limits import (
    bar_question,
    counts_text,
    told_of_limits,
)
from napari_synthseg.ui.presenters.images.pictures import ImageKey
from napari_synthseg.ui.viewer.drawing.shape_drawing import ShapeKind
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import (
    Notice,
    check_box,
    column_in,
    push_button,
    quiet_label,
    row_of,
)
from napari_synthseg.workflow.bars import InformationBar, information_bar
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.limits import Limits

SHAPES: dict[ShapeKind, tuple[str, str]] = {
    "rectangle": ("Rectangle", "Drag a rectangle on the image"),
    "polygon": ("Polygon", "Click corner after corner; a double-click ends it"),
}

USES = {"roi": "Use only this part", "excluded": "Leave this out"}
"""Field of `Limits` -> what a shape in it says."""

LABEL_PX = 136
"""Width of the words before the buttons, so that these stand below each other."""

MAX_BARS = 5000
"""Images of which it is kept whether they have a bar."""


class LimitsBox(QWidget):
    """Draws and shows which part of the image in view, or of all images, counts."""

    bar_found = Signal()
    """The image in view has an information bar, of which nothing was known before."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self._controller, self._layers = controller, layers
        self._bars: LRUCache[ImageKey, InformationBar | None] = LRUCache(MAX_BARS)
        self._declined: set[ImageKey] = set()
        self.buttons = {
            (use, kind): push_button(
                text, partial(self._on_draw, use, kind), f"{words}: {tip[0].lower()}{tip[1:]}"
            )
            for use, words in USES.items()
            for kind, (text, tip) in SHAPES.items()
        }
        for button in self.buttons.values():
            button.setCheckable(True)
        rows = []
        for use, words in USES.items():
            label = QLabel(words)
            label.setMinimumWidth(LABEL_PX)
            rows.append(row_of(label, *(self.buttons[use, kind] for kind in SHAPES)))
        self.for_all = check_box(
            "For all images at once", lambda _: None, "What you draw next holds for every image"
        )
        self.drawing = quiet_label("Draw it on the image. Esc ends it.")
        self.question = Notice()
        self.leave_button = push_button(
            "Leave it out", partial(self._leave_bars, False), "Leave these rows out; Undo works"
        )
        self.leave_all_button = push_button(
            "On all images", partial(self._leave_bars, True),
            "Look for the bar on every image, and leave it out",
        )  # fmt: skip
        self.keep_button = push_button("No", self._on_keep, "Keep these rows, and ask no more")
        self.answers = row_of(self.leave_button, self.leave_all_button, self.keep_button)
        self.counted = quiet_label()
        self.clear_button = push_button(
            "Let all of it count again", self._on_clear, "Forget what was drawn, and bars left out"
        )
        column_in(
            self, self.question, self.answers, *rows, self.for_all, self.drawing, self.counted,
            self.clear_button,
        )  # fmt: skip
        layers.drawing.changed.connect(self.refresh)

    @property
    def _refs(self) -> tuple[ImageRef, ...]:
        return self._layers.image.refs if self._layers.image else ()

    @property
    def asks(self) -> bool:
        """Whether there is a bar that the user may want to leave out."""
        image = self._layers.image
        if image is None or image.key in self._declined or any(r.excluded for r in self._refs):
            return False
        return self._bars.get(image.key) is not None

    # --- showing -----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what counts now."""
        refs, project = self._refs, self._controller.project
        self.setEnabled(bool(refs))
        several = len(project.images) > len(refs)
        self.for_all.setVisible(several)
        self.leave_all_button.setVisible(several)
        purpose = self._layers.drawing.purpose
        for (use, kind), button in self.buttons.items():
            button.setChecked(purpose == f"{use} {kind}")
        self.drawing.setVisible(any(b.isChecked() for b in self.buttons.values()))
        is_limited = any(ref.is_limited for ref in refs)
        self.clear_button.setVisible(is_limited)
        self.counted.setVisible(is_limited)
        if is_limited:
            share = self._layers.left_out.share
            self.counted.setText(counts_text(project, {ref.id for ref in refs}, share))
        image = self._layers.image
        bar = self._bars.get(image.key) if image is not None else None
        asks = self.asks
        self.question.say(bar_question(bar) if asks and bar is not None else "")
        self.answers.setVisible(asks)

    def look_for_bar(self) -> None:
        """Look in the background whether the image in view has an information bar."""
        image, session = self._layers.image, self._controller.session
        if image is None or session is None or not image.refs or image.key in self._bars:
            return
        key, ref, folder = image.key, image.refs[0], session.folder
        self._bars[key] = None

        def look() -> InformationBar | None:
            try:
                return information_bar(ref, folder)
            except InputError:  # told where the image is read
                return None

        def show(bar: InformationBar | None) -> None:
            self._bars[key] = bar
            if bar is not None:
                self.bar_found.emit()

        if ref.ndim == 2:
            self._controller.compute(f"look for a bar on {ref.name}", look, show, "pictures")

    def forget_bars(self) -> None:
        """Forget what was found on images: those of another project follow."""
        self._bars.clear()
        self._declined.clear()

    # --- drawing -----------------------------------------------------------------------------

    def _on_draw(self, use: str, kind: ShapeKind) -> None:
        image, drawing = self._layers.image, self._layers.drawing
        purpose = f"{use} {kind}"
        if drawing.purpose == purpose:
            drawing.stop()
            self._layers.activate_marking()
        elif image is not None:
            drawing.start(image, kind, purpose, partial(self._on_drawn, use))
        self.refresh()

    def _on_drawn(self, use: str, vertices: NDArray[np.float64]) -> None:
        self._layers.activate_marking()
        ring = tuple((float(y), float(x)) for y, x in (vertices + 0.5))  # from the first corner
        shapes = [(ring,)]
        limits = Limits(roi=shapes) if use == "roi" else Limits(excluded=shapes)
        self._limit(limits, all_images=self.for_all.isChecked())

    def _on_clear(self) -> None:
        self._limit(Limits(clear=True), all_images=False)

    # --- bars --------------------------------------------------------------------------------

    def _leave_bars(self, all_images: bool) -> None:
        self._limit(Limits(bar=True), all_images=all_images)

    def _on_keep(self) -> None:
        if self._layers.image is not None:
            self._declined.add(self._layers.image.key)
        self.refresh()

    def _limit(self, limits: Limits, *, all_images: bool) -> None:
        images = () if all_images and self.for_all.isVisibleTo(self) else self._refs
        chosen = Limits(limits.roi, limits.excluded, limits.bar, limits.clear, images)

        def show(made: Imported) -> None:
            if text := told_of_limits(made.figures["images"], limits.bar):
                tell(text)
            self.refresh()

        self._controller.start(lambda session: session.limit_images(chosen), show)
