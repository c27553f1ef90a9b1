"""The project folder: made, opened, kept up to date, released.

::

    my.synthseg/
      project.db       images, classes, clicks, truths, verdicts, runs, settings (SQLite)
      project.lock     held by the one program that may write; its holder in project.lock.json
      arrays.zarr/     pixels and labels that have no file of their own
      runs/ID/         what a training run leaves
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import uuid
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from psygnal import EmitLoopError, Signal, SignalInstance

from napari_synthseg.core.annotations import MaskTruth
from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.project import Project
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.paths import is_there
from napari_synthseg.storage.arrays import array_path, remove_partial
from napari_synthseg.storage.lock import DATABASE_NAME, ProjectLock, is_local
from napari_synthseg.storage.runs import RUNS_FOLDER, copy_runs, remove_deleted, run_folder
from napari_synthseg.storage.schema import VERSION, check_header, create_tables, migrate
from napari_synthseg.storage.snapshot import SIDECARS, connect, read_snapshot
from napari_synthseg.storage.uris import ARRAYS_PREFIX, rebase
from napari_synthseg.storage.writer import Writer

COPIED_FOLDERS = ("arrays.zarr", "generators")

logger = logging.getLogger(__name__)


class ProjectStore:
    """A project folder that is open.

    Use `create` or `open`. Only one program writes; others see `read_only` and a `notice`.

    Attributes
    ----------
    folder
        The project's folder.
    notice
        Why the project is open for reading only, in words for the user; empty otherwise.
    """

    saved = Signal(int)
    """Emitted in the writer's thread with a revision once it, and all before it, are on disk."""

    failed = Signal(str)
    """Emitted in the writer's thread with a message for the user when writing failed."""

    def __init__(self, folder: Path, lock: ProjectLock, notice: str = "") -> None:
        self.folder = folder
        self.notice = notice
        self._lock = lock
        self._path = folder / DATABASE_NAME
        self._connection: sqlite3.Connection | None = None
        self._writer: Writer | None = None

    @classmethod
    def create(cls, folder: Path) -> ProjectStore:
        """Start an empty project in `folder`, which is made if missing.

        Raises
        ------
        InputError
            If the folder already holds a project, or cannot be written.
        """
        path = folder / DATABASE_NAME
        if is_there(path):
            raise InputError(
                f"'{folder}' already holds a project: open it (napari-synthseg edit adds images to "
                "it), or choose another folder."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = ProjectLock(folder)
            lock.acquire()
            try:
                for suffix in SIDECARS:  # of a database that is gone: SQLite would play it back
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                replace_file(path, _make_database)
            finally:
                lock.release()
        except ReadOnlyError as error:
            raise InputError(f"No project can be made in '{folder}'. {error}") from None
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"No project can be made in '{folder}': {error}.") from None
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, *, reading: bool = False) -> ProjectStore:
        """Open the project in `folder`; read-only where another program has it open.

        With `reading` it is not asked for more: others can open it for writing meanwhile.

        Raises
        ------
        InputError
            If there is no project, or it is damaged, foreign, or from a newer version. The files
            are then as they were.
        """
        check_header(folder / DATABASE_NAME)
        lock = ProjectLock(folder)
        if reading:
            lock.look()
            return cls(folder, lock, "Opened for reading only.")
        try:
            lock.acquire()
        except ReadOnlyError as error:
            store = cls(folder, lock, str(error))
            store.load()  # what cannot be read is refused now, not later
            return store
        store = cls(folder, lock)
        try:
            store._start_writing()
        except BaseException:
            store._release()
            raise
        return store

    @property
    def read_only(self) -> bool:
        """Whether the project cannot be changed through this store."""
        return bool(self.notice)

    def load(self) -> Project:
        """Return the project: as last written here, or as it is on disk where read-only."""
        if self._writer is not None:
            return self._writer.project
        return read_snapshot(self._path, live=self._lock.taken_elsewhere)

    def write(self, project: Project) -> int:
        """Save a project; return its revision at once.

        Only what differs from what was saved before is written, in one transaction; revisions that
        queue up share one. `saved` tells when a revision is on disk.

        Raises
        ------
        ReadOnlyError
            If the project is open for reading only.
        """
        if self._writer is None:
            raise ReadOnlyError(
                f"The project '{self.folder.name}' is not open for writing. {self.notice}".strip()
            )
        return self._writer.put(project)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was written is on disk, `timeout` seconds at most.

        What failed to be written before is tried again.

        Raises
        ------
        InputError
            If it cannot be written, or not in time.
        """
        if self._writer is not None:
            self._writer.flush(timeout)

    def save_as(self, folder: Path) -> ProjectStore:
        """Copy the project with the files of its folder into another one; return it open.

        Images stay where they are; the copy finds them from its own place. Deleted runs, which
        only undo brings back here, are not copied.

        Raises
        ------
        InputError
            If the folder already holds a project, or the copy cannot be written.
        """
        project = self.load()
        if is_there(folder / DATABASE_NAME):
            raise InputError(f"'{folder}' already holds a project: choose another folder.")
        partial = folder / f".{uuid.uuid4().hex[:8]}.part"
        try:
            for name in COPIED_FOLDERS:
                if (self.folder / name).is_dir():
                    shutil.copytree(self.folder / name, partial / name)
            copy_runs(self.folder, partial, [run.id for run in project.runs])
            copy = ProjectStore.create(partial)
            try:
                copy.write(rebase(project, self.folder, folder))
                copy.flush()
            finally:
                copy.abandon()
            for name in (*COPIED_FOLDERS, RUNS_FOLDER, DATABASE_NAME):  # that makes it a project
                if (partial / name).exists():
                    (partial / name).rename(folder / name)
        except OSError as error:
            raise InputError(f"The project cannot be copied to '{folder}': {error}.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return ProjectStore.open(folder)

    def copy_later(self, later: Project, copy: ProjectStore) -> Project:
        """Bring a copy of `save_as` in line with a later state; return that as of there.

        The arrays and runs that it names are copied, too, and deleted runs are removed.

        Raises
        ------
        InputError
            If the copy cannot be written.
        """
        named = {ref.uri for ref in later.images} | {m.source for m in later.patch_masks}
        named |= {truth.source for truth in later.truths if isinstance(truth, MaskTruth)}
        try:
            for uri in named:
                if uri.startswith(ARRAYS_PREFIX) and not array_path(uri, copy.folder).exists():
                    shutil.copytree(array_path(uri, self.folder), array_path(uri, copy.folder))
            copy_runs(self.folder, copy.folder, [run.id for run in later.runs])
            for ident in later.deleted_runs:
                shutil.rmtree(run_folder(copy.folder, ident), ignore_errors=True)
        except OSError as error:
            raise InputError(f"The copy in '{copy.folder}' cannot be written: {error}.") from error
        return rebase(later, self.folder, copy.folder)

    def close(self) -> None:
        """Write all, then release the project.

        Raises
        ------
        InputError
            If not all could be written. The project then stays open: correct the cause and close
            again, or save it elsewhere.
        """
        self.flush()
        self.abandon()

    def abandon(self) -> None:
        """Release the project without what could not be written."""
        if self._writer is not None:
            self._writer.stop()
        self._release()

    def _start_writing(self) -> None:
        version = check_header(self._path)
        project = read_snapshot(self._path, live=False)
        try:
            if version < VERSION:
                backup = self._path.with_name(f"project.v{version}.db")
                replace_file(backup, lambda path: _copy_database(self._path, path))
            connection = connect(self._path, "rw")
            self._connection = connection
            migrate(connection)
            _set_durability(connection, self.folder)
        except (sqlite3.Error, OSError) as error:
            raise InputError(
                f"The project '{self._path}' cannot be opened for writing: {error}."
            ) from error
        remove_partial(self.folder)
        remove_deleted(self.folder, {run.id for run in project.runs})
        on_saved, on_failed = partial(_emit, self.saved), partial(_emit, self.failed)
        self._writer = Writer(
            connection, project, f"'{self.folder.name}'", self._path.exists, on_saved, on_failed
        )

    def _release(self) -> None:
        if self._connection is not None:
            # a database at rest in one plain file can be copied, and read from a read-only disk
            with suppress(sqlite3.OperationalError):
                self._connection.execute("PRAGMA busy_timeout = 1000")
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            self._connection = None
        self._lock.release()


def _make_database(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        create_tables(connection)


def _copy_database(source: Path, target: Path) -> None:
    with closing(connect(source, "rw")) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _set_durability(connection: sqlite3.Connection, folder: Path) -> None:
    """Have each commit on disk before it returns, as the folder's file system allows."""
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the disk's own cache
    mode = "WAL" if is_local(folder) else "DELETE"
    (given,) = connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
    # without a write-ahead log, the folder must be synced too, or a commit may come undone
    connection.execute(f"PRAGMA synchronous = {'FULL' if given == 'wal' else 'EXTRA'}")


def _emit(signal: SignalInstance, value: object) -> None:
    """Tell all who listen, whatever becomes of it there."""
    try:
        signal.emit(value)
    except EmitLoopError:
        logger.exception("a listener to the project store failed")
