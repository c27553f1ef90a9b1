"""How far the work of a lane is, and a button that ends it."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QWidget

from napari_synthseg.ui.control.controller import Lane, SessionController
from napari_synthseg.ui.widgets.parts import column_in, push_button, row_of, thin_bar

BAR_STEPS = 1000


class LaneBar(QWidget):
    """Shown while work of one lane runs."""

    def __init__(self, controller: SessionController, lane: Lane) -> None:
        super().__init__()
        self._controller, self._lane = controller, lane
        self.words, self.bar = QLabel(), thin_bar(BAR_STEPS)
        self.words.setWordWrap(True)
        self.cancel_button = push_button(
            "Cancel", lambda: controller.cancel(lane), "End this; what was written stays"
        )
        column_in(self, self.words, row_of(self.bar, self.cancel_button, stretch=self.bar))
        controller.work_changed.connect(self.refresh)
        controller.work_progressed.connect(self._on_progressed)
        self.refresh()

    def refresh(self) -> None:
        """Show whether work runs."""
        job = self._controller.job(self._lane)
        self.setVisible(job is not None)
        if job is not None and not self.words.text():
            self.words.setText(f"{job.name}…")
        if job is None:
            self.words.setText("")
            self.bar.setValue(0)

    def _on_progressed(self, lane: str, fraction: float, message: str) -> None:
        if lane == self._lane:
            self.bar.setValue(int(BAR_STEPS * fraction))
            self.words.setText(message[:1].upper() + message[1:])
