"""Long work that runs while another page is shown: a line each, and a message at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_synthseg.ui.control.controller import Lane, SessionController
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.pages.lane_bar import LaneBar
from napari_synthseg.ui.presenters.steps import DUAL_IMAGES, RESULTS, START, TRAIN
from napari_synthseg.workflow.jobs import Outcome

HOMES: dict[Lane, int] = {"training": TRAIN, "learning": DUAL_IMAGES}
"""Lane of long work -> the step whose page shows all of it."""

ENDS: dict[Lane, Callable[[Any], tuple[str, int]]] = {
    "training": lambda run: (f"{run.name} is trained", RESULTS),
    "learning": lambda _: ("Dual images are learned", DUAL_IMAGES),
}
"""Lane -> of what its work made, what is told at the end, and the step that shows it."""


class LongWork:
    """Shows it in `lines`, which the panel has below all pages."""

    def __init__(self, controller: SessionController) -> None:
        self.step = START
        self.lines = {
            lane: LaneBar(
                controller, lane, "Stop", f"Stop now; what was learned is kept (step {home + 1})",
                is_line=True, tells_steps=False,
            )
            for lane, home in HOMES.items()
        }  # fmt: skip
        controller.work_ended.connect(self._on_ended)

    def show_for(self, step: int) -> None:
        """Show what the page of a step does not show."""
        self.step = step
        for lane, line in self.lines.items():
            line.want(step != HOMES[lane])

    def _on_ended(self, lane: Lane, outcome: Outcome[Any]) -> None:
        if lane not in HOMES or outcome.state != "done" or outcome.value is None:
            return
        if self.step != HOMES[lane]:
            words, step = ENDS[lane](outcome.value)
            tell(f"{words}." if step == self.step else f"{words}: see step {step + 1}.")
