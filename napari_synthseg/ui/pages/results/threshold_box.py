"""From which score on objects are shown: a slider that acts at once, without predicting again."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QLabel, QSlider, QWidget

from napari_synthseg.ui.pages.results.found import Found
from napari_synthseg.ui.widgets.parts import column_in, push_button, quiet_label, row_of

STEPS = 100


class ThresholdBox(QWidget):
    """The slider, how many objects are left, and a way back to what the model reports."""

    def __init__(self, found: Found) -> None:
        super().__init__()
        self.found = found
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setAccessibleName("Smallest score")
        self.slider.setToolTip(
            "Objects that the model is less sure of are not shown, scored or exported. Nothing is "
            "predicted again, and nothing is lost."
        )
        self.slider.valueChanged.connect(lambda value: found.set_least(value / STEPS))
        self.reset_button = push_button(
            "Reset", lambda: found.set_least(None), "Show what the model reports by itself"
        )
        self.about = quiet_label()
        self.title = QLabel("Score from")
        column_in(
            self,
            row_of(self.title, self.slider, self.reset_button, stretch=self.slider),
            self.about,
        )
        found.counted.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the smallest score and what it leaves; hide where objects have no scores."""
        scores = self.found.scores
        is_graded = self.found.least is not None or bool(np.any(scores[:1] < 1.0))
        has_scores = len(scores) > 0 and is_graded
        self.setVisible(has_scores)
        if not has_scores:
            return
        least = self.found.least
        with QSignalBlocker(self.slider):
            self.slider.setValue(int(STEPS * (self.found.lowest if least is None else least)))
        self.reset_button.setEnabled(least is not None)
        shown, every = self.found.count(least)
        which = "the model reports" if least is None else f"score {least:.2f} or more"
        self.about.setText(f"{shown:,} of {every:,} objects: those that {which}.")
