"""Whose project it is, and on what kind of disk it lies."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from napari_synthseg.core.errors import ReadOnlyError
from napari_synthseg.storage import lock
from napari_synthseg.storage.lock import OWNER_NAME, ProjectLock, is_local

Mount = namedtuple("Mount", "device mountpoint fstype opts")

MOUNTS = [
    Mount("/dev/sda1", "/", "ext4", "rw"),
    Mount("server:/export", "/home/share", "nfs4", "rw"),
    Mount("/dev/sdb1", "/mnt/my disk", "fuseblk", "rw"),
    Mount("/dev/sdc1", "/home/share/fast", "xfs", "rw"),
    Mount("/dev/sdd1", "/data", "ext4", "rw"),
    Mount("//server/data", "/data", "cifs", "rw"),
]


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/", True),
        ("/home/me", True),
        ("/home/shared", True),
        ("/home/share/p", False),
        ("/home/share/fast/p", True),
        ("/mnt/my disk/p", False),
        ("/data/p", False),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of Linux")
def test_the_innermost_and_latest_mount_counts(
    monkeypatch: pytest.MonkeyPatch, path: str, local: bool
) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: MOUNTS)
    assert is_local(Path(path)) is local


def test_unsure_is_not_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [])
    assert not is_local(tmp_path)


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (
            {"pid": os.getpid(), "host": socket.gethostname()},
            "another window of this program has",
        ),
        ({"pid": os.getppid(), "host": socket.gethostname()}, f"process {os.getppid()} on this"),
        ({"pid": 2**22 + 7, "host": socket.gethostname()}, "another program has"),
        ({"pid": 7, "host": "elsewhere"}, r"\(process 7 on 'elsewhere'\)"),
        ({"pid": "x"}, "another program has"),
    ],
    ids=["us", "here", "gone", "elsewhere", "damaged"],
)
def test_a_second_program_is_told_who_writes(
    tmp_path: Path, owner: dict[str, object], words: str
) -> None:
    holder = (
        "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / lock.LOCK_NAME)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        (tmp_path / OWNER_NAME).write_text(json.dumps(owner), "utf-8")
        mine = ProjectLock(tmp_path)
        with pytest.raises(ReadOnlyError, match=words):
            mine.acquire()
        assert mine.taken_elsewhere
        other.communicate("\n")
