"""What long learning has reported so far: its figures in words, and the points of its curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from napari_synthseg.core.progress import Progress

COUNTERS = ("step", "seconds", "best step")
WAITING = "step 0"
"""Messages that begin so say nothing that is worth a note."""

HELD_OUT = ("held ", "val ")
"""Figures of the held-out part begin with one of these."""

SHARES = ("mask accuracy", "codes used")
"""Figures that are shown in percent."""


class CurvePoint(NamedTuple):
    """A point of the curve: step, loss, and whether its weights were the best so far."""

    step: int
    loss: float
    is_best: bool


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
        self._figures: dict[str, float] = {}
        self._seconds = 0.0
        self._batches = 0

    def add(self, news: Sequence[Progress]) -> tuple[list[CurvePoint], bool]:
        """Take news in; return the batches among them, and whether a new curve begins with them.

        Of two stages only the batches of the later one are returned.
        """
        batches: list[CurvePoint] = []
        is_new = False
        for item in news:
            if math.isfinite(loss := item.metrics.get("loss", math.nan)):
                stage = item.message.rpartition(": ")[0]
                if stage != self.stage:
                    self.stage, is_new = stage, True
                    self._figures.clear()
                    self._batches = 0
                    batches.clear()
                self._batches += 1
                step = int(item.metrics.get("step", self._batches))
                batches.append(CurvePoint(step, loss, item.metrics.get("best step") == step))
            elif self.stage is None and not item.message.startswith(WAITING):
                self.note = item.message
            self._message = item.message or self._message
            self._seconds = item.metrics.get("seconds", self._seconds)
            self._figures.update(
                {name: value for name, value in item.metrics.items() if name not in COUNTERS}
            )
        return batches, is_new

    def text(self) -> str:
        """Return what is shown below the progress bar: what is done, figures, those held out."""
        if self.stage is None:
            return f"Getting ready: {self.note}" if self.note else "Getting ready…"
        now = self._message[:1].upper() + self._message[1:]
        if self._seconds:
            now = f"{now}, {self._seconds:.0f} s"
        note = self.note if self.stage == "" else ""  # of several stages it says nothing
        return "\n".join(part for part in (now, self.figures(), note) if part)

    def figures(self) -> str:
        """Return the figures of now, those of the held-out part in a line of their own."""
        held: dict[str, float] = {}
        ours: dict[str, float] = {}
        for name, value in self._figures.items():
            prefix = next((p for p in HELD_OUT if name.startswith(p)), "")
            (held if prefix else ours)[name.removeprefix(prefix)] = value
        lines = (_listed(ours), f"held out: {_listed(held)}" if held else "")
        return "\n".join(line for line in lines if line)


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_number(name, value)}" for name, value in figures.items())


def _number(name: str, value: float) -> str:
    return f"{value:.0%}" if name in SHARES else f"{value:.3g}"
