"""One writer a project: an operating-system lock that dies with its holder."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_synthseg.core.errors import ReadOnlyError
from napari_synthseg.io.atomic import replace_file

LOCK_NAME = "project.lock"
OWNER_NAME = "project.lock.json"
DATABASE_NAME = "project.db"

_held: set[Path] = set()
_held_guard = threading.Lock()


class ProjectLock:
    """The right to change a project folder.

    The kernel frees the lock when the program ends in whatever way. Who holds it stands in a
    file of its own beside it, for people; nothing is decided by that file.

    Attributes
    ----------
    taken_elsewhere
        Another program held the lock when it was asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.taken_elsewhere = False
        self._lock = FileLock(self.folder / LOCK_NAME, timeout=0, thread_local=False)

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        ReadOnlyError
            If another program holds it, or the folder cannot be written; the message says which.
        """
        try:
            self._lock.acquire()
            owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
            replace_file(self.folder / OWNER_NAME, lambda path: path.write_text(owner, "utf-8"))
        except Timeout:
            self.taken_elsewhere = True
            raise ReadOnlyError(
                f"Opened read-only: {_describe_owner(self.folder)} has this project open."
            ) from None
        except (OSError, NotImplementedError) as error:
            self._lock.release()
            reason = getattr(error, "strerror", None) or str(error)
            raise ReadOnlyError(
                f"Opened read-only: the project folder cannot be written ({reason})."
            ) from None
        with _held_guard:
            _held.add(self.folder)

    def release(self) -> None:
        """Give the lock back."""
        if not self._lock.is_locked:
            return
        with _held_guard:
            _held.discard(self.folder)
        with suppress(OSError):
            (self.folder / OWNER_NAME).unlink(missing_ok=True)
        self._lock.release()


def require_writable(folder: Path) -> None:
    """Refuse to write into a project that this program does not hold the lock of.

    Raises
    ------
    ReadOnlyError
        If the folder holds a project that is open elsewhere, or read-only here.
    """
    with _held_guard:
        held = folder.resolve() in _held
    if not held and (folder / DATABASE_NAME).exists():
        raise ReadOnlyError(
            f"The project '{folder.name}' is open for reading only, so nothing can be written into "
            "it: close it in the other program, or save it under another name."
        )


def _describe_owner(folder: Path) -> str:
    try:
        owner = json.loads((folder / OWNER_NAME).read_text(encoding="utf-8"))
        return f"another program (process {int(owner['pid'])} on '{owner['host']}')"
    except (OSError, ValueError, KeyError, TypeError):
        return "another program"
