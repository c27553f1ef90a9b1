"""What long learning has reported so far: its figures in words, and the points of its curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from napari_synthseg.core.progress import GETTING_READY, Progress
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.ui.presenters.training.curves import HELD, TRAINING, CurvePoint

COUNTERS = ("step", "seconds", "seconds left", "best step")
WAITING = "step 0"
"""Messages that begin so say nothing that is worth a note."""

HELD_OUT = ("held-out ", "held ", "val ")
"""Figures of the held-out part begin with one of these."""

HELD_OUT_LOSS = "held-out loss"
"""Figures of losses on the held-out part begin so; what follows says what the crops are of."""

OF_ORIGIN = {"synthetic loss": "synthetic", "real loss": "real"}
"""Loss of the crops of one origin in a batch -> its curve."""

VALIDATED = "validated"
"""Ends the message of what was measured on the held-out part."""

MOST_NOTES = 2
"""Notes that are shown, the last ones."""

SHARES = ("mask accuracy", "codes used")
"""Figures that are shown in percent."""


class WorkLog:
    """Follows the progress of one piece of work.

    Attributes
    ----------
    stage
        What is being learned now; work may learn several things one after another.
    note
        The last message before anything was learned, such as the device and why it was chosen.
    """

    def __init__(self) -> None:
        self.stage: str | None = None
        self.note = self._message = ""
        self._is_finishing = False
        self._figures: dict[str, float] = {}
        self._seconds = 0.0
        self._left: float | None = None
        self._batches = 0
        self._notes: dict[str, None] = {}

    def add(self, news: Sequence[Progress]) -> tuple[list[CurvePoint], bool]:
        """Take news in; return the points of curves, and whether new curves begin with them.

        Of two stages only the points of the later one are returned.
        """
        points: list[CurvePoint] = []
        is_new = False
        for item in news:
            if math.isfinite(loss := item.metrics.get("loss", math.nan)):
                stage = item.message.rpartition(": ")[0]
                if stage != self.stage:
                    self.stage, is_new = stage, True
                    self._figures.clear()
                    self._batches = 0
                    points.clear()
                self._batches += 1
                step = int(item.metrics.get("step", self._batches))
                is_best = item.metrics.get("best step") == step
                points += _of_batch(item.metrics, step, loss, is_best)
            elif self.stage is None and not item.message.startswith(WAITING):
                words = item.message.removeprefix(GETTING_READY).removeprefix(": ")
                self.note = words or self.note
            elif item.message.endswith(VALIDATED):
                points += _of_validation(item.metrics, int(item.metrics.get("step", self._batches)))
            self._take_figures(item)
        return points, is_new

    def _take_figures(self, item: Progress) -> None:
        self._notes |= dict.fromkeys(map(in_panel, item.notes))
        self._message = item.message or self._message
        self._is_finishing = item.finishing
        self._seconds = item.metrics.get("seconds", self._seconds)
        self._left = item.metrics.get("seconds left", self._left)
        self._figures.update(
            {name: value for name, value in item.metrics.items() if name not in COUNTERS}
        )

    def text(self) -> str:
        """Return what is shown below the progress bar: what is done, figures, those held out."""
        if self.stage is None:
            begins = GETTING_READY.capitalize()
            return f"{begins}: {self.note}" if self.note else f"{begins}…"
        message = f"stopping: {self._message}" if self._is_finishing else self._message
        now = message[:1].upper() + message[1:]
        if self._seconds:
            now = f"{now}, {self._seconds:.0f} s so far"
        # of several stages it is that of one
        if self._left is not None and self.stage == "" and not self._is_finishing:
            now = f"{now}, {time_left(self._left)}"
        note = self.note if self.stage == "" else ""  # of several stages it says nothing
        told = (f"Note: {each}." for each in list(self._notes)[-MOST_NOTES:])
        return "\n".join(part for part in (now, self.figures(), note, *told) if part)

    def figures(self) -> str:
        """Return the figures of now, those of the held-out part in a line of their own."""
        held: dict[str, float] = {}
        ours: dict[str, float] = {}
        for name, value in self._figures.items():
            prefix = next((p for p in HELD_OUT if name.startswith(p)), "")
            (held if prefix else ours)[name.removeprefix(prefix)] = value
        lines = (_listed(ours), f"held out: {_listed(held)}" if held else "")
        return "\n".join(line for line in lines if line)


def time_left(seconds: float) -> str:
    """Return how long something will still take, as exactly as that can be known."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 95:
        return f"about {10 * math.ceil(seconds / 10)} s left"
    minutes = seconds / 60
    if minutes < 90:
        return f"about {minutes:.0f} min left"
    return f"about {minutes / 60:.1f} h left"


def _of_batch(
    metrics: Mapping[str, float], step: int, loss: float, is_best: bool
) -> Iterator[CurvePoint]:
    """Yield the losses of a batch: one, or that of each origin of its crops."""
    apart = {curve: metrics[name] for name, curve in OF_ORIGIN.items() if name in metrics}
    for curve, value in (apart or {TRAINING: loss}).items():
        yield CurvePoint(step, value, is_best, curve)


def _of_validation(metrics: Mapping[str, float], step: int) -> Iterator[CurvePoint]:
    for name, value in metrics.items():
        if name.startswith(HELD_OUT_LOSS):
            yield CurvePoint(step, value, False, HELD + name.removeprefix(HELD_OUT_LOSS))


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_number(name, value)}" for name, value in figures.items())


def _number(name: str, value: float) -> str:
    return f"{value:.0%}" if name in SHARES else f"{value:.3g}"
