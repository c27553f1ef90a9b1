"""One writer a project: an operating-system lock that dies with its holder.

What a disk allows is here too: SQLite's fast journal needs memory that all users of a file share,
which network file systems do not give.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.io.atomic import write_text

LOCK_NAME = "project.lock"
OWNER_NAME = "project.lock.json"
DATABASE_NAME = "project.db"

OWN_NAMES = (
    DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm", f"{DATABASE_NAME}-journal",
    LOCK_NAME, "arrays.zarr", "generators", "runs",
)  # fmt: skip
"""What of a project folder is changed in place, or cleared of what is no longer needed."""

LOCAL_TYPES = frozenset(
    (
        "apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "overlay",
        "tmpfs", "xfs", "zfs",
    )
)  # fmt: skip
"""Types of file systems on local disks; on Windows drives are asked instead."""

CLOSE_THERE = "close it there, then open it here again."
"""What helps where a project is open for reading only, as another window or program has it."""

_held: set[Path] = set()
_held_guard = threading.Lock()


class ProjectLock:
    """The right to change a project folder.

    The kernel frees the lock however the program ends. A second file names the holder for people;
    nothing is decided by it.

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
            If another program holds it, the folder cannot be written, or a part of it lies in
            another place; the message says which.
        """
        if link := _link_in(self.folder):
            raise ReadOnlyError(
                f"Opened read-only: '{link}' leads to another place, where nothing is to be "
                "changed: put the file or folder itself in the place of the link."
            )
        try:
            self._lock.acquire()
            owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
            write_text(self.folder / OWNER_NAME, owner)
        except Timeout:
            self.taken_elsewhere = True
            raise ReadOnlyError(
                f"Opened read-only: {_describe_owner(self.folder)} has this project open. "
                f"To edit it here, {CLOSE_THERE}"
            ) from None
        except (OSError, NotImplementedError) as error:
            self._lock.release()
            reason = getattr(error, "strerror", None) or str(error)
            raise ReadOnlyError(
                f"Opened read-only: the project folder cannot be written ({reason})."
            ) from None
        with _held_guard:
            _held.add(self.folder)

    def look(self) -> None:
        """See whether another program holds the lock, without keeping it."""
        if _link_in(self.folder):  # a lock empties the file that it is
            return
        with suppress(OSError, NotImplementedError):  # nobody holds one where none can be made
            try:
                self._lock.acquire()
                self._lock.release()
                self.taken_elsewhere = False
            except Timeout:
                self.taken_elsewhere = True

    def release(self) -> None:
        """Give the lock back."""
        if not self._lock.is_locked:
            return
        with _held_guard:
            _held.discard(self.folder)
        with suppress(OSError):
            (self.folder / OWNER_NAME).unlink(missing_ok=True)
        self._lock.release()


def _link_in(folder: Path) -> Path | None:
    """Return what in a project folder, itself without links, is a link or lies outside it."""
    own = (folder / name for name in OWN_NAMES)
    return next((p for p in own if p.is_symlink() or not p.resolve().is_relative_to(folder)), None)


def require_writable(folder: Path) -> None:
    """Refuse to write into a project that this program does not hold the lock of.

    Raises
    ------
    ReadOnlyError
        If the folder holds a project that is open elsewhere, or read-only here.
    InputError
        If the folder of the project is gone.
    """
    with _held_guard:
        held = folder.resolve() in _held
    if held and not (folder / DATABASE_NAME).exists():
        raise InputError(gone(folder.name))
    if not held and (folder / DATABASE_NAME).exists():
        raise ReadOnlyError(
            f"The project '{folder.name}' is open for reading only, so nothing can be written into "
            f"it. Where another window or program has it open, {CLOSE_THERE}"
        )


def gone(name: str) -> str:
    """Return what is said of a project whose folder was deleted, moved, or is out of reach."""
    return (
        f"The folder of the project '{name}' is gone: put it back, or save the project in another "
        "place with 'Save as…'."
    )


def is_local(folder: Path) -> bool:
    """Tell whether a folder surely lies on a local disk; where that is unknown, it does not."""
    place = folder.resolve()
    mounts = [m for m in psutil.disk_partitions(all=True) if place.is_relative_to(m.mountpoint)]
    if not mounts:
        return False
    # the innermost mount counts, and of several on one place the latest, which hides the others
    mount = sorted(mounts, key=lambda mount: len(Path(mount.mountpoint).parts))[-1]
    if os.name == "nt":
        return "fixed" in mount.opts.split(",")
    return mount.fstype.lower() in LOCAL_TYPES


def _describe_owner(folder: Path) -> str:
    """Return who holds a lock in words; a process of this computer that is gone does not."""
    try:
        owner = json.loads((folder / OWNER_NAME).read_text(encoding="utf-8"))
        pid, host = int(owner["pid"]), str(owner["host"])
        if (pid, host) == (os.getpid(), socket.gethostname()):
            return "another window of this program"
        if host != socket.gethostname():
            return f"another program (process {pid} on '{host}')"
        return f"another program ({psutil.Process(pid).name()}, process {pid} on this computer)"
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return "another program"
