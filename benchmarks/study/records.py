"""The records of finished units: one file a study, one line of JSON a unit.

A line is appended in one write, under a lock. What a kill leaves of a line has no end of line: it
is ignored by readers and cut off by the next writer.
"""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

import napari_synthseg
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import TrainSpec

LOCKS = "locks"
"""Folder for locks, in that of a study."""

ADAPTED = ", adapted"
"""Ends the names of figures of the same weights with adapted batch norms."""


class RecordPart(BaseModel):
    """A part of a record; keys of later versions are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")


class TrainedOn(RecordPart):
    """What a unit learned from: `diameter` is what the project was told, in pixels."""

    images: tuple[str, ...]
    clicks: int
    objects: int
    diameter: float


class MeasuredOn(RecordPart):
    """What the figures are of."""

    kind: Literal["real", "synthetic"]
    which: str
    images: tuple[str, ...]
    objects: int
    caption: str


class Training(RecordPart):
    """How the training went; processor time is that of this process, all threads together."""

    steps: int
    selection: str
    wall_seconds: float
    cpu_seconds: float
    device: str
    spec: TrainSpec


class Machine(RecordPart):
    """What a unit was computed on; `load` is the system's average over the last minute."""

    system: str
    processor: str
    cores: int
    threads: int
    load: float | None
    python: str
    code: str


class Record(RecordPart):
    """One finished unit; `all_seconds` covers training, prediction, scoring and what is between.

    `fitting_seconds` is what the recipe took to learn, next to none where another unit did it.
    """

    unit: str
    arm: str
    source: str
    seed: int
    image_seed: int
    settings: dict[str, Any]
    trained_on: TrainedOn
    measured_on: MeasuredOn
    values: dict[str, float]
    warnings: tuple[str, ...] = ()
    training: Training
    fitting_seconds: float = 0.0
    scoring_seconds: float
    all_seconds: float
    recipe: dict[str, Any]
    versions: dict[str, str]
    machine: Machine
    finished: str


def records_path(out: Path) -> Path:
    """Return the file with the records of a study whose reports go to folder `out`."""
    out = out.resolve()
    return out.with_name(f"{out.name}.jsonl")


def append_record(out: Path, record: Record) -> None:
    """Add a record; a kill at any moment leaves all others, and this one whole or not at all."""
    (out / LOCKS).mkdir(parents=True, exist_ok=True)
    line = record.model_dump_json().encode() + b"\n"
    with FileLock(out / LOCKS / "records.lock"), records_path(out).open("ab+") as stream:
        stream.seek(0)
        stream.truncate(len(_whole_lines(stream.read())))
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def read_records(out: Path) -> dict[str, Record]:
    """Return all records of a study by unit; of two with one name the later one.

    Raises
    ------
    InputError
        If the file cannot be read or a line is damaged.
    """
    path = records_path(out)
    try:
        lines = _whole_lines(path.read_bytes()).splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"The records '{path}' cannot be read: {error.strerror}.") from None
    records = {}
    for number, line in enumerate(lines, start=1):
        try:
            record = Record.model_validate_json(line)
        except ValidationError as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{path}, line {number}, is damaged ({reason}): delete the line to run its unit "
                "again."
            ) from None
        records[record.unit] = record
    return records


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def describe_machine() -> Machine:
    """Describe this machine, as busy as it is now."""
    import torch

    return Machine(
        system=platform.system(),
        processor=_processor(),
        cores=os.cpu_count() or 0,
        threads=torch.get_num_threads(),
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
