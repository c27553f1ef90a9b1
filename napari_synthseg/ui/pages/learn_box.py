"""Learning to make dual images: start, pause and stop, figures and curve, and live pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.widgets.curve import LossCurve
from napari_synthseg.ui.widgets.parts import quiet_label
from napari_synthseg.ui.widgets.style import Colors
from napari_synthseg.workflow.jobs import Job, Outcome

LANE = "learning"

PICTURES_EVERY = 1.0
"""Seconds between live pictures at least; those in between are thrown away."""

LOSS = "loss"
COUNTERS = ("step", "seconds", "best step")
HELD = "held "
"""Figures of the held-out part begin with this."""

SHARES = ("mask accuracy", "codes used")
"""Figures that are told in percent."""


class LearnBox(QWidget):
    """Runs the learning of a recipe, and says how it goes."""

    pictured = Signal(object)
    """What it gives so far: name -> dual images."""

    done = Signal(list)
    """It was learned; the first dual images."""

    def __init__(self, controller: SessionController, colors: Colors) -> None:
        super().__init__()
        self.controller = controller
        self._last_pictures = 0.0
        self._stage = ""
        self._held: dict[str, float] = {}
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(6)
        row = QHBoxLayout()
        self.start_button, self.pause_button = QPushButton("Learn"), QPushButton("Pause")
        self.stop_button = QPushButton("Stop")
        self.start_button.setToolTip("Learn how image and mask go together, in the background")
        self.stop_button.setToolTip("Stop now; what was learned so far is kept in the project")
        self.start_button.clicked.connect(self.start)
        self.pause_button.clicked.connect(self._on_pause)
        self.stop_button.clicked.connect(lambda: controller.cancel(LANE))
        for button in (self.start_button, self.pause_button, self.stop_button):
            row.addWidget(button)
        body.addLayout(row)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        body.addWidget(self.bar)
        self.status = quiet_label()
        body.addWidget(self.status)
        self.curve = LossCurve(colors)
        body.addWidget(self.curve)
        self.count = 6
        """Dual images that are made once it is learned."""
        controller.work_changed.connect(self.refresh)
        controller.session_changed.connect(self._on_session_changed)
        self.refresh()

    @property
    def job(self) -> Job | None:
        """What runs now, or None."""
        return self.controller.job(LANE)

    def refresh(self) -> None:
        """Show the buttons as they are now."""
        job = self.job
        paused = job is not None and job.state == "paused"
        session = self.controller.session
        learned = session is not None and session.synthesizer_is_current
        self.start_button.setEnabled(job is None and session is not None and not learned)
        words = "Learned" if learned else "Learn on" if self._has_kept() else "Learn"
        self.start_button.setText(words)
        self.pause_button.setEnabled(job is not None)
        self.pause_button.setText("Resume" if paused else "Pause")
        self.stop_button.setEnabled(job is not None)
        self.curve.setVisible(bool(self._stage))
        self.bar.setVisible(job is not None)

    def _has_kept(self) -> bool:
        """Tell whether the project holds something learned, that is gone on from."""
        session = self.controller.session
        return session is not None and any((session.folder / "generators").glob("*"))

    def start(self) -> None:
        """Learn, from what is kept on, and make the first dual images."""
        session = self.controller.session
        if session is None or self.job is not None:
            return
        self._clear()
        show_input_errors(
            lambda: self.controller.run(
                session.synthesize(self.count),
                self.done.emit,
                lane=LANE,
                on_steps=self._on_steps,
                on_end=self._on_end,
            )
        )

    # --- following ---------------------------------------------------------------------------

    def _on_steps(self, news: list[Progress]) -> None:
        last = news[-1]
        self.bar.setValue(int(1000 * last.fraction))
        points: list[Progress] = []
        for step in news:
            stage = step.message.partition(":")[0]
            if LOSS in step.metrics and stage != self._stage:  # another thing is learned now
                self._stage = stage
                self._held.clear()
                self.curve.clear()
                points.clear()
            points.append(step)
        self.curve.add(points)
        self.curve.setVisible(bool(self._stage))
        self._held.update({k: v for k, v in last.metrics.items() if k not in COUNTERS})
        self.status.setText("\n".join(p for p in (_sentence(last.message), self._figures()) if p))
        self._on_pictures([s.previews for s in news if s.previews])

    def _figures(self) -> str:
        """Return the figures of now, those of the held-out part in a line of their own."""
        ours = {n: v for n, v in self._held.items() if not n.startswith(HELD)}
        held = {n.removeprefix(HELD): v for n, v in self._held.items() if n.startswith(HELD)}
        lines = (_listed(ours), f"held out: {_listed(held)}" if held else "")
        return "\n".join(line for line in lines if line)

    def _on_pictures(self, pictures: Sequence[Mapping[str, tuple[DualImage, ...]]]) -> None:
        now = time.monotonic()
        if pictures and now - self._last_pictures >= PICTURES_EVERY:
            self._last_pictures = now
            self.pictured.emit(pictures[-1])

    def _on_end(self, outcome: Outcome) -> None:
        words = {
            "done": "",
            "cancelled": "Stopped. What was learned so far is kept in the project: 'Learn on' goes "
            "on from there.",
            "failed": "Failed: see the message.",
        }
        lines = (words[outcome.state], self._figures())
        self.status.setText("\n".join(line for line in lines if line))
        self.refresh()

    def _on_pause(self) -> None:
        if (job := self.job) is not None:
            self.controller.pause(LANE, job.state != "paused")

    def _on_session_changed(self) -> None:
        self._clear()
        self.refresh()

    def _clear(self) -> None:
        self._stage, self._last_pictures = "", 0.0
        self._held.clear()
        self.curve.clear()
        self.status.setText("")
        self.bar.setValue(0)


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_number(name, value)}" for name, value in figures.items())


def _number(name: str, value: float) -> str:
    return f"{value:.0%}" if name in SHARES else f"{value:.3g}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
