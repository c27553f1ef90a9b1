from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_synthseg.storage.filesystem import LOCAL_TYPES, is_local, mount_type

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home/share rw - nfs4 server:/export rw
31 22 0:41 / /mnt/my\\040disk rw master:1 - fuseblk /dev/sdb1 rw
32 30 0:42 / /home/share/fast rw - xfs /dev/sdc1 rw
33 22 0:43 / /data rw - ext4 /dev/sdd1 rw
34 33 0:44 / /data rw - cifs //server/data rw
a line that makes no sense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "ext4"),
        ("/home/shared", "ext4"),
        ("/home/share/p", "nfs4"),
        ("/home/share/fast/p", "xfs"),
        ("/mnt/my disk/p", "fuseblk"),
        ("/data/p", "cifs"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of Linux")
def test_the_innermost_and_latest_mount_counts(path: str, kind: str) -> None:
    assert mount_type(Path(path), TABLE) == kind
    assert (kind in LOCAL_TYPES) == (kind in ("ext4", "xfs"))


def test_unsure_is_not_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mount_type(Path("/x"), "") == ""
    monkeypatch.setattr(sys, "platform", "haiku")
    assert not is_local(tmp_path)
