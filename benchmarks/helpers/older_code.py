"""The code of an older commit, to be measured beside that of today."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def check_out(commit: str, measurement: str, folder: Path) -> Path:
    """Write package and benchmarks of a commit into a folder, with a measurement of today."""
    packed = subprocess.run(
        ["git", "archive", commit, "napari_synthseg", "benchmarks"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    copied = Path("benchmarks", f"{measurement}.py")
    (folder / copied).write_bytes((ROOT / copied).read_bytes())
    return folder
