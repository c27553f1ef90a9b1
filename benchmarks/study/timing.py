"""How long a study will take, and how many steps fit in a number of minutes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from benchmarks.study.measure import RunJob, fill_project
from benchmarks.study.records import Record, RecordPart
from benchmarks.study.units import Unit
from napari_synthseg.core.progress import Progress
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session

CALIBRATION = "calibration.json"
TRIAL_STEPS = 40
BUSY = 0.5
"""Above this average load before it begins, a calibration is not one of an idle machine."""


class Calibration(RecordPart):
    """Seconds that training takes here, and the steps that `minutes` hold.

    `other_seconds` is what comes on top of the steps: cutting patches, fitting, validating.
    """

    arm: str
    minutes: float
    steps: int
    seconds_per_step: float
    other_seconds: float
    threads: int
    load_before: float | None
    idle: bool


def calibrate(unit: Unit, minutes: float, out: Path, run_job: RunJob = Job.result) -> Calibration:
    """Train a unit's arm for a few steps, and write what that says to ``calibration.json``."""
    import torch

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    folder = out / f"calibrating-{os.getpid()}"
    times: list[float] = []

    def note(step: Progress) -> None:
        if "loss" in step.metrics:
            times.append(time.perf_counter())

    try:
        session = Session.create(folder)
        try:
            fill_project(session, unit)
            spec = unit.spec.model_copy(update={"steps": TRIAL_STEPS})
            job = session.train(spec, "calibrate")
            job.progressed.connect(note)
            started = time.perf_counter()
            run_job(job)
            whole = time.perf_counter() - started
        finally:
            session.close().result()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    each = statistics.median(gaps)
    other = max(whole - TRIAL_STEPS * each, 0.0)
    found = Calibration(
        arm=unit.arm.name,
        minutes=minutes,
        steps=max(int((60 * minutes - other) / each), 0),
        seconds_per_step=round(each, 4),
        other_seconds=round(other, 2),
        threads=torch.get_num_threads(),
        load_before=None if load is None else round(load, 2),
        idle=load is None or load < BUSY,
    )
    text = found.model_dump_json(indent=1)
    replace_file(out / CALIBRATION, lambda path: path.write_text(text + "\n", encoding="utf-8"))
    return found


def load_calibration(out: Path) -> Calibration | None:
    """Return the calibration made in this folder, or None."""
    try:
        return Calibration.model_validate_json((out / CALIBRATION).read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return None


def estimate_seconds(units: Sequence[Unit], records: Sequence[Record], out: Path) -> float | None:
    """Return how long units will take one after the other, or None where nothing tells.

    From the records of the same source, else from all, else from the calibration.
    """
    by_source: dict[str, list[float]] = {}
    for record in records:
        rate = record.all_seconds / max(record.training.steps, 1)
        by_source.setdefault(record.source, []).append(rate)
    every = [rate for rates in by_source.values() for rate in rates]
    calibration = load_calibration(out)
    total = 0.0
    for unit in units:
        steps = unit.spec.steps or 0
        rates = by_source.get(unit.arm.source) or every
        if rates:
            total += statistics.median(rates) * steps
        elif calibration is not None:
            total += calibration.seconds_per_step * steps + calibration.other_seconds
        else:
            return None
    return total
