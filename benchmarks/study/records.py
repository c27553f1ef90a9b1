"""What is kept of a finished unit: one JSON file, there whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.io.atomic import replace_file

RESULTS = "results"

ADAPTED = ", adapted"
"""Ends the names of figures of the same weights with batch norms that were fitted anew."""


class Kept(BaseModel):
    """A part of a record; keys of later versions are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")


class TrainedOn(Kept):
    """What a unit learned from: `diameter` is what the project was told, in pixels."""

    images: tuple[str, ...]
    clicks: int
    objects: int
    diameter: float


class MeasuredOn(Kept):
    """What the figures are of."""

    kind: Literal["real", "synthetic"]
    which: str
    images: tuple[str, ...]
    objects: int
    caption: str


class Training(Kept):
    """How the training went; processor time is that of this process, all threads together."""

    steps: int
    selection: str
    wall_seconds: float
    cpu_seconds: float
    device: str
    spec: TrainSpec


class Machine(Kept):
    """What a unit was computed on; `load` is the system's average over the last minute."""

    system: str
    processor: str
    cores: int
    threads: int
    load: float | None
    python: str
    code: str


class Record(Kept):
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


def record_path(out: Path, unit: str) -> Path:
    """Return where the record of a unit lies."""
    return out / RESULTS / f"{unit}.json"


def save_record(out: Path, record: Record) -> Path:
    """Write a record; a kill at any moment leaves it whole or absent."""
    path = record_path(out, record.unit)
    text = record.model_dump_json(indent=1)
    replace_file(path, lambda partial: partial.write_text(text + "\n", encoding="utf-8"))
    return path


def load_record(out: Path, unit: str) -> Record | None:
    """Read the record of a unit, or return None where there is none yet.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = record_path(out, unit)
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"The record '{path}' cannot be read ({reason}): delete it to run the unit again."
        ) from None
    if record.unit != unit:
        raise InputError(f"The record '{path}' is of unit '{record.unit}': delete or rename it.")
    return record
