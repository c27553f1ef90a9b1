"""What every page offers to the panel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLayout, QVBoxLayout, QWidget

from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.layers import Layers


@dataclass(frozen=True)
class NextStep:
    """The one highlighted button: what it says, what it does, and why it is disabled."""

    text: str
    action: Callable[[], object] | None = None
    why_disabled: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether the button can be pressed."""
        return self.action is not None and not self.why_disabled


class Page(QWidget):
    """One page of the panel. Reads the session, calls it, and keeps no project state."""

    next_step_changed = Signal()
    """The highlighted button, or the hint, must be read again."""

    go_to = Signal(int)
    """Asks for another step, 0 to 4."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller = controller
        self.layers = layers
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 6, 0)
        self.body.setSpacing(6)

    def add(self, *parts: QWidget | QLayout) -> None:
        """Put parts below those that are there."""
        for part in parts:
            (self.body.addLayout if isinstance(part, QLayout) else self.body.addWidget)(part)

    def going_to(self, text: str, step: int, why_disabled: str = "") -> NextStep:
        """Return the highlighted button that leads to another step."""
        return NextStep(text, lambda: self.go_to.emit(step), why_disabled)

    def busy_hint(self) -> str:
        """Return what short work runs, or ''."""
        job = self.controller.job("short")
        return f"Busy: {job.name}…" if job is not None else ""

    def hint(self) -> str:
        """Return one sentence that says what to do now."""
        return ""

    def next_step(self) -> NextStep | None:
        """Return what the highlighted button does now, or None to hide it."""
        return None

    def enter(self) -> None:
        """Get ready to be seen; called whenever the user comes to this step. Edits nothing."""
