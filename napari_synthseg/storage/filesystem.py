"""Whether a folder lies on a local disk, which decides how its database may be written.

SQLite's fast journal needs memory that all users of the file share, which network file systems
do not give. Where nothing sure can be said, the answer is no.
"""

from __future__ import annotations

import sys
from pathlib import Path

LOCAL_TYPES = frozenset(
    [
        "apfs",
        "bcachefs",
        "btrfs",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "jfs",
        "overlay",
        "tmpfs",
        "xfs",
        "zfs",
    ]
)
_FIXED_DRIVE = 3


def is_local(folder: Path) -> bool:
    """Tell whether `folder` surely lies on a local disk."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        return bool(kernel.GetDriveTypeW(folder.resolve().anchor) == _FIXED_DRIVE)
    if sys.platform == "linux":
        try:
            table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return mount_type(folder.resolve(), table) in LOCAL_TYPES
    return False


def mount_type(path: Path, table: str) -> str:
    """Return the file system type at `path`, from the text of ``/proc/self/mountinfo``."""
    best, found = -1, ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mount = Path(fields[4].replace("\\040", " "))
        # a later mount hides an earlier one on the same point
        if path.is_relative_to(mount) and len(mount.parts) >= best:
            best, found = len(mount.parts), after.split(" ")[0]
    return found
