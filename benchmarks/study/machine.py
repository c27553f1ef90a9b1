"""What a unit was computed on, and with which state of the code."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

import napari_synthseg
from benchmarks.study.records import Machine


def describe_machine() -> Machine:
    """Describe this machine, as busy as it is now."""
    from napari_synthseg.training.device import count_threads

    return Machine(
        system=platform.system(),
        processor=_processor(),
        cores=os.cpu_count() or 0,
        threads=count_threads(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        python=platform.python_version(),
        code=digest_code(),
    )


@cache
def digest_code() -> str:
    """Return a short digest of the installed package's source files.

    Two states of the code may have the same version while it is worked on.
    """
    folder = Path(napari_synthseg.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
