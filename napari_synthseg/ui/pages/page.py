"""What every page offers to the panel, and follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import column_in
from napari_synthseg.workflow.session import Session


@dataclass(frozen=True)
class NextStep:
    """The one highlighted button: what it says, what it does, and why it is disabled.

    With `edits` it is also disabled where the project is open for reading only.
    """

    text: str
    action: Callable[[], object] | None = None
    why_disabled: str = ""
    edits: bool = False

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
        self.controller, self.layers = controller, layers
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)
        controller.work_changed.connect(self._on_work_changed)

    def add(self, *widgets: QWidget, stretch: QWidget | None = None) -> None:
        """Put widgets below each other; `stretch` is the one that takes the free room."""
        body = column_in(self, *widgets)
        body.setContentsMargins(0, 0, 2, 0)
        if stretch is None:
            body.addStretch()
        else:
            body.setStretchFactor(stretch, 1)

    @property
    def session(self) -> Session | None:
        """The session that is shown."""
        return self.controller.session

    @property
    def project(self) -> Project:
        """The project that is shown; an empty one where there is none."""
        return self.controller.project

    @property
    def is_busy(self) -> bool:
        """Whether short work runs."""
        return self.controller.job("short") is not None

    def edit(self, new: Project, what: str) -> None:
        """Replace the project; where that is refused, show what it still is."""
        if not self.controller.edit(new, what):
            self.refresh()

    # --- what a page says -----------------------------------------------------------------------

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

    def offered_step(self) -> NextStep | None:
        """Return the next step, disabled where it would edit what may only be read."""
        what, why = self.next_step(), self.controller.edit_lock.why
        return replace(what, why_disabled=why) if what is not None and what.edits and why else what

    def going_to(self, text: str, step: int, why_disabled: str = "") -> NextStep:
        """Return the highlighted button that leads to another step."""
        return NextStep(text, lambda: self.go_to.emit(step), why_disabled)

    # --- what a page follows --------------------------------------------------------------------

    def enter(self) -> None:
        """Get ready to be seen; called whenever the user comes to this step. Edits nothing."""

    def refresh(self) -> None:
        """Show everything as it is now."""
        self.next_step_changed.emit()

    def _on_session_changed(self) -> None:
        self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        self.next_step_changed.emit()

    def _on_work_changed(self) -> None:
        self.next_step_changed.emit()
