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

from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.storage import lock
from napari_synthseg.storage.lock import OWNER_NAME, ProjectLock, is_local
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.storage.tensors import write_file

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


@pytest.mark.parametrize("name", ["runs", "arrays.zarr", "generators"])
def test_nothing_is_removed_through_a_link(tmp_path: Path, name: str) -> None:
    mail = tmp_path / "home" / "mail"
    (tmp_path / "home" / ".old.part").mkdir(parents=True)
    mail.mkdir()
    (mail / "deleted").touch()
    ProjectStore.create(tmp_path / "gift").close()
    (tmp_path / "gift" / name).symlink_to(tmp_path / "home", target_is_directory=True)
    store = ProjectStore.open(tmp_path / "gift")
    assert store.read_only
    assert f"{name}' leads to another place" in store.notice
    store.close()
    assert (mail / "deleted").exists()
    assert (tmp_path / "home" / ".old.part").exists()


@pytest.mark.parametrize("reading", [False, True])
def test_a_lock_that_is_a_link_empties_nothing(tmp_path: Path, reading: bool) -> None:
    ProjectStore.create(tmp_path / "gift").close()
    (tmp_path / "thesis").write_text("text")
    (tmp_path / "gift" / lock.LOCK_NAME).unlink(missing_ok=True)
    (tmp_path / "gift" / lock.LOCK_NAME).symlink_to(tmp_path / "thesis")
    store = ProjectStore.open(tmp_path / "gift", reading=reading)
    assert store.read_only
    store.close()
    assert (tmp_path / "thesis").read_text() == "text"


def test_a_project_that_is_reached_through_a_link_is_written(tmp_path: Path) -> None:
    ProjectStore.create(tmp_path / "p").close()
    runs = tmp_path / "p" / "runs"
    runs.mkdir()
    (runs / "gone").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "deleted").touch()
    (tmp_path / "link").symlink_to(tmp_path / "p", target_is_directory=True)
    store = ProjectStore.open(tmp_path / "link")
    assert not store.read_only
    store.close()
    assert (tmp_path / "elsewhere" / "deleted").exists()


@pytest.mark.parametrize("linked", ["r", "r/predictions"])
def test_nothing_is_written_through_a_link_in_a_runs_folder(tmp_path: Path, linked: str) -> None:
    store = ProjectStore.create(tmp_path / "gift")
    home = tmp_path / "home"
    home.mkdir()
    link = tmp_path / "gift" / "runs" / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(home, target_is_directory=True)
    target = tmp_path / "gift" / "runs" / "r" / "predictions" / "i.json"
    with pytest.raises(InputError, match="outside the project 'gift'"):
        write_file(store.folder, target, lambda path: path.write_text("{}"))
    store.close()
    assert not list(home.iterdir())


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
