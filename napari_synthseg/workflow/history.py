"""What can be taken back, and done again."""

from __future__ import annotations

from napari_synthseg.core.project import Project

MAX_EDITS = 200
"""Edits that can be taken back."""


class History:
    """The states of a project before its last edits, and those that were taken back."""

    def __init__(self) -> None:
        self._undo: list[tuple[str, Project]] = []
        self._redo: list[tuple[str, Project]] = []

    def add(self, what: str, before: Project) -> None:
        """Remember the state before an edit; what was taken back cannot be done again any more."""
        self._undo = [*self._undo[-MAX_EDITS + 1 :], (what, before)]
        self._redo.clear()

    def clear(self) -> None:
        """Let nothing be taken back that was done so far."""
        self._undo, self._redo = [], []

    @property
    def undo_label(self) -> str | None:
        """What would be taken back next, or None."""
        return self._undo[-1][0] if self._undo else None

    @property
    def redo_label(self) -> str | None:
        """What would be done again next, or None."""
        return self._redo[-1][0] if self._redo else None

    def take_back(self, now: Project) -> Project | None:
        """Return the state before the last edit; `now` can be returned to."""
        return _step(self._undo, self._redo, now)

    def do_again(self, now: Project) -> Project | None:
        """Return the state that was taken back last; `now` can be returned to."""
        return _step(self._redo, self._undo, now)


def _step(
    source: list[tuple[str, Project]], target: list[tuple[str, Project]], now: Project
) -> Project | None:
    if not source:
        return None
    what, project = source.pop()
    target.append((what, now))
    return project
