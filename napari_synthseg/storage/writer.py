"""The one thread that writes a project, so that no edit waits for the disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.storage.document import write_difference


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
        on_saved: Callable[[int], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._name = name
        self._on_saved, self._on_failed = on_saved, on_failed
        self._written = self._wanted = project
        self._written_revision = self._revision = 0
        self._failures, self._message = 0, ""
        self._tried = 0  # revision of the last attempt; reset to try it again
        self._stopping = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="project writer", daemon=True)
        self._thread.start()

    @property
    def project(self) -> Project:
        """The project that was put last."""
        return self._wanted

    def put(self, project: Project) -> int:
        """Ask for a project to be written; return its revision at once."""
        with self._news:
            if self._stopping:
                raise InputError(f"The project {self._name} is closed: open it again to edit it.")
            self._wanted = project
            self._revision += 1
            self._news.notify_all()
            return self._revision

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was put is on disk.

        Raises
        ------
        InputError
            If it could not be written, or not within `timeout` seconds.
        """
        with self._news:
            target, failures, self._tried = self._revision, self._failures, self._written_revision
            self._news.notify_all()
            done = self._news.wait_for(
                lambda: self._written_revision >= target or self._failures > failures, timeout
            )
            if self._written_revision >= target:
                return
            if done:
                raise InputError(self._message)
        raise InputError(f"The project {self._name} was not on disk after {timeout:g} seconds.")

    def stop(self) -> None:
        """End the thread; what is not on disk by then stays unwritten."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._stopping or self._tried < self._revision)
                if self._stopping:
                    return
                project, revision = self._wanted, self._revision
                self._tried = revision
            self._attempt(project, revision)

    def _attempt(self, project: Project, revision: int) -> None:
        message = ""
        try:
            write_difference(self._connection, project, self._written)
        except Exception as error:  # noqa: BLE001 - any failure must reach the user
            message = (
                f"The project {self._name} could not be saved: {error}. Your edits are kept in "
                "memory: free space or check the disk, and they are saved with the next edit."
            )
        with self._news:
            if message:
                self._failures, self._message = self._failures + 1, message
            else:
                self._written, self._written_revision = project, revision
                self._tried = max(self._tried, revision)
            self._news.notify_all()
        if message:
            self._on_failed(message)
        else:
            self._on_saved(revision)
