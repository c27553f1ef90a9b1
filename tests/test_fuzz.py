"""The program that feeds damaged files to readers notices what must not happen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from benchmarks.fuzz.guards import Guards
from napari_synthseg.core.errors import InputError

inside, findings, outside = map(Path, sys.argv[1:])

def read(data):
    if data == b"refuse":
        raise InputError("it is empty: save it again")
    if data == b"inside":
        (inside / "a").write_text("a")
    if data == b"crash":
        raise KeyError("a")
    if data == b"outside":
        try:
            (outside / "a").write_text("a")
        except Exception:
            pass
    if data == b"remove":
        (outside / "kept").unlink()
    if data == b"memory":
        bytearray(3 * 2**30)

guards = Guards(inside, findings)
guards.limit_memory()
for data in (b"refuse", b"inside", b"read", b"crash", b"outside", b"remove", b"memory"):
    guards.check(read, data)
guards.done()
"""


def test_each_broken_rule_is_noticed(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("inside", "findings", "outside")]
    for folder in folders:
        folder.mkdir()
    (folders[2] / "kept").touch()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, folders)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path.read_bytes() for path in folders[1].glob("*.input")} == {
        b"crash", b"outside", b"remove", b"memory",
    }  # fmt: skip
    assert [path.name for path in folders[2].iterdir()] == ["kept"]
    assert (folders[0] / "a").exists()
