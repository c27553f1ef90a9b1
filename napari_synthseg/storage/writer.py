"""The one thread that writes a project, so that no edit waits for the disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.storage.document import write_difference
from napari_synthseg.storage.lock import gone


class Writer:
    """Brings a database to the project that was put last.

    Projects that pile up while the disk is busy are written as one transaction. Where writing
    fails, the difference stays due: the next `put` or `flush` tries again.

    Parameters
    ----------
    connection
        The database; used by the writer's thread alone until `stop` has returned.
    project
        What the database holds now.
    name
        What the messages call the project.
    is_there
        Tells whether its file is still in its place: SQLite would go on with a deleted one.
    on_saved
        Called in the writer's thread with the highest revision that is on disk.
    on_failed
        Called in the writer's thread with a message for the user.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        project: Project,
        name: str,
        is_there: Callable[[], bool],
        on_saved: Callable[[int], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._name = name
        self._is_there = is_there
        self._on_saved, self._on_failed = on_saved, on_failed
        self._written = self._wanted = project
        self._written_revision = self._told_revision = self._revision = 0
        self._guard = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "project writer")
        self._last: Future[str] = self._thread.submit(str)

    @property
    def project(self) -> Project:
        """The project that was put last."""
        return self._wanted

    def put(self, project: Project) -> int:
        """Ask for a project to be written; return its revision at once."""
        with self._guard:
            self._last = self._submit(self._revision + 1)
            self._wanted, self._revision = project, self._revision + 1
            return self._revision

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was put is on disk.

        Raises
        ------
        InputError
            If it could not be written, or not within `timeout` seconds.
        """
        try:
            if self._last.result(timeout):  # it failed: try again
                with self._guard:
                    self._last = self._submit(self._revision)
                if message := self._last.result(timeout):
                    raise InputError(message)
        except TimeoutError:
            raise InputError(
                f"The project {self._name} was not on disk after {timeout:g} seconds."
            ) from None

    def stop(self) -> None:
        """End the thread, when it has done what it was asked for."""
        self._thread.shutdown()

    def _submit(self, revision: int) -> Future[str]:
        """Have the thread write; it waits for the guard, which the caller holds."""
        try:
            attempt = self._thread.submit(self._write, revision)
        except RuntimeError:
            raise InputError(
                f"The project {self._name} is closed: open it again to edit it."
            ) from None
        attempt.add_done_callback(self._tell)
        return attempt

    def _write(self, revision: int) -> str:
        """Write the newest project, unless another attempt will; return what failed, or ''."""
        with self._guard:
            if revision < self._revision or revision == self._written_revision:
                return ""
            project = self._wanted
        if not self._is_there():
            return gone(self._name.strip("'"))
        try:
            write_difference(self._connection, project, self._written)
        except Exception as error:  # noqa: BLE001 - any failure must reach the user
            return (
                f"The project {self._name} could not be saved: {error}. Your edits are kept in "
                "memory: free space or check the disk, and they are saved with the next edit."
            )
        self._written, self._written_revision = project, revision
        return ""

    def _tell(self, attempt: Future[str]) -> None:
        if message := attempt.result():
            self._on_failed(message)
        elif self._told_revision < self._written_revision:
            self._told_revision = self._written_revision
            self._on_saved(self._told_revision)
