"""Mistakes: marked on the image, and one after the other in words."""

from __future__ import annotations

from collections import Counter

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_widget_keys
from napari_synthseg.ui.pages.results.found import Found
from napari_synthseg.ui.presenters.results.object_errors import (
    KIND_TITLES,
    WHY_COUNTED,
    ErrorPlace,
    describe_judged,
    found_places,
)
from napari_synthseg.ui.viewer.found.marks import LOOKS, Mark
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import (
    ChoiceBox,
    check_box,
    column_in,
    push_button,
    quiet_label,
    row_of,
)

LEGEND = {"missed": "missed", "false": "false", "outline": "poorly outlined, merged or split",
          "class": "wrong class", "found": "found"}  # fmt: skip


GROUND = "#262930"
"""Behind the signs of the legend, so that light ones are seen in a light theme, too."""


class ErrorsBox(QWidget):
    """Walks through the mistakes of a run where the truth is known."""

    looked_at = Signal(object)
    """The `ErrorPlace` that was brought into view."""

    def __init__(self, controller: SessionController, layers: Layers, found: Found) -> None:
        super().__init__()
        self.controller, self.layers, self.found = controller, layers, found
        self.places: list[ErrorPlace] = []
        self.at = -1
        self.summary, self.words, self.legend = quiet_label(), QLabel(), quiet_label()
        self.summary.setToolTip(WHY_COUNTED)
        self.words.setWordWrap(True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.kinds = ChoiceBox({"": "all mistakes"}, "Which mistakes are gone through", "Mistakes")
        self.kinds.chosen.connect(lambda _: self._show_places())
        self.back_button = push_button("◀ Back", self.back, "The mistake before (key B)")
        self.next_button = push_button("Next ▶", self.next, "The next mistake (key N)")
        self.switch = check_box(
            "Mark mistakes", lambda _: self._mark(),
            "Symbols on the image: they differ in form as well as in color",
        )  # fmt: skip
        self.found_too = check_box(
            "and what was found", lambda _: self._mark(),
            "A ring around every object that was found, too; else its outline alone shows it",
        )  # fmt: skip
        self.switch.setChecked(True)
        row = row_of(self.back_button, self.next_button, self.kinds, stretch=self.kinds)
        switches = row_of(self.switch, self.found_too, stretch=self.found_too)
        column_in(self, self.summary, row, self.words, switches, self.legend)
        actions = {"next": self.next, "back": self.back}
        bind_widget_keys(self, "results", actions)
        layers.marks.bind_keys(actions)
        found.judged.connect(self.refresh)
        self.refresh()

    @property
    def _project(self) -> Project:
        return self.controller.project

    def refresh(self) -> None:
        """Show what the comparison says; hide where nothing is known to compare with."""
        images = self.found.images
        self.setVisible(bool(images))
        self.summary.setText(describe_judged(images))
        every = self.found.places
        counts = Counter(place.kind for place in every)
        kinds = {kind: f"{title} ({counts[kind]})" for kind, title in KIND_TITLES.items()}
        shown = {kind: text for kind, text in kinds.items() if kind in counts}
        self.kinds.fill({"": f"all mistakes ({len(every)})", **shown})
        self._show_places()
        self._mark()

    def _show_places(self) -> None:
        kind = self.kinds.value
        self.places = [place for place in self.found.places if not kind or place.kind == kind]
        self.at = -1
        self.layers.marks.unmark()
        self._show_words()

    def _show_words(self) -> None:
        number = len(self.places)
        for button in (self.back_button, self.next_button):
            button.setEnabled(number > 0)
        if not number:
            self.words.setText("No mistake." if self.found.images else "")
        elif self.at < 0:
            self.words.setText("Go through the mistakes: keys N and B.")
        else:
            self.words.setText(f"{self.at + 1} of {number}: {self.places[self.at].words}")

    # --- going through -----------------------------------------------------------------------

    def next(self) -> None:
        """Look at the next mistake; after the last one at the first."""
        self._go(self.at + 1)

    def back(self) -> None:
        """Look at the mistake before."""
        self._go(self.at - 1 if self.at >= 0 else -1)

    def _go(self, number: int) -> None:
        if not self.places:
            return
        self.at = number % len(self.places)
        self._show_words()
        place = self.places[self.at]
        self.layers.look_at(self._project.image(place.image), place.center, place.diameter)
        self.looked_at.emit(place)

    # --- marking -----------------------------------------------------------------------------

    def mark_again(self) -> None:
        """Mark the image that is in view now."""
        self._mark()

    def _mark(self) -> None:
        image = self.layers.image
        mine = {ref.id for ref in image.refs} if image is not None else set()
        judged = [one for one in self.found.images if one.image in mine]
        is_wanted = self.switch.isChecked() and self.isVisible()
        with_found = self.found_too.isChecked()
        self.found_too.setEnabled(self.switch.isChecked())
        self.legend.setText(_legend_text(with_found))
        self.legend.setVisible(self.switch.isChecked())
        if image is None or not judged or not is_wanted:
            self.layers.marks.hide()
            return
        places = [place for place in self.found.places if place.image in mine]

        def make() -> list[Mark]:
            rings = found_places(judged) if with_found else ()
            marks = [Mark("found", center, size) for _, center, size in rings]
            return marks + [Mark(p.kind, p.center, p.diameter, p.words) for p in places]

        self.layers.marks.show(make, image)


def _legend_text(with_found: bool) -> str:
    parts = [
        f'<span style="color:{LOOKS[kind].color}; background-color:{GROUND}">'
        f"<b>&nbsp;{LOOKS[kind].sign}&nbsp;</b></span> {words}"
        for kind, words in LEGEND.items()
        if with_found or kind != "found"
    ]
    return " &nbsp; ".join(parts)
