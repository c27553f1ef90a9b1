"""Doing the units of a study that are not done yet, alone or beside other processes.

Each unit is worked on under a lock that the kernel frees when its holder dies. A finished unit is
one file, put in place in one go. So a study may be killed at any moment and started again, and
several processes may share its work.
"""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.study.figure import SHOWN
from benchmarks.study.measure import LOCKS, Complete, measure_unit
from benchmarks.study.records import load_record, save_record
from benchmarks.study.units import Unit
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import metric_title
from napari_synthseg.workflow.session import Session

WORK = "work"
"""Folder for the projects of units that are being worked on."""

PATIENCE = 1.0
"""Seconds between two looks at units that another process holds."""


@dataclass(frozen=True)
class Failure:
    """A unit that could not be done, and why; `defect`: it was not the user's to mend."""

    unit: Unit
    message: str
    defect: bool


def run_units(
    units: Sequence[Unit],
    out: Path,
    *,
    complete: Complete = Session.complete,
    say: Callable[[str], None] = lambda message: None,
) -> list[Failure]:
    """Do all units that have no record yet; return those that failed.

    Units that another process works on are left to it and looked at again at the end: returns
    only when each unit is done or has failed here.

    Raises
    ------
    InputError
        If `out` cannot be written, or a record in it is damaged.
    """
    _prepare(out)
    waiting = [unit for unit in units if load_record(out, unit.name()) is None]
    say(f"{len(units) - len(waiting)} of {len(units)} units are done, {len(waiting)} to go")
    failures: list[Failure] = []
    while waiting:
        held = []
        for unit in waiting:
            with _locked(out, unit.name()) as mine:
                if not mine:
                    held.append(unit)
                elif load_record(out, unit.name()) is None:
                    failures += _do(unit, out, complete, say)
        if len(held) == len(waiting):
            time.sleep(PATIENCE)
        waiting = [unit for unit in held if load_record(out, unit.name()) is None]
    return failures


def _do(
    unit: Unit, out: Path, complete: Complete, say: Callable[[str], None]
) -> tuple[Failure, ...]:
    folder = out / WORK / unit.name()
    shutil.rmtree(folder, ignore_errors=True)  # left since this process began
    say(f"{unit.label}: begins")
    try:
        record = measure_unit(unit, folder, complete, out)
        save_record(out, record)
    except InputError as error:
        say(f"{unit.label}: failed: {error}")
        return (Failure(unit, str(error), defect=False),)
    except Exception as error:  # noqa: BLE001 - the other units shall still be done
        say(f"{unit.label}: failed:\n{traceback.format_exc()}")
        return (Failure(unit, f"{type(error).__name__}: {error}", defect=True),)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    name = SHOWN[unit.spec.task][0]
    value = record.values.get(name)
    figure = f"{metric_title(name)} {value:.3f}, " if value is not None else ""
    say(f"{unit.label}: {figure}{record.measured_on.caption}; {record.all_seconds:.0f} s")
    return ()


@contextmanager
def _locked(out: Path, unit: str) -> Iterator[bool]:
    """Hold the right to work on a unit; gives False where another process has it."""
    lock = FileLock(out / LOCKS / f"{unit}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _prepare(out: Path) -> None:
    try:
        for folder in (out / LOCKS, out / WORK):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder '{out}' cannot be written: {error.strerror}.") from None
    if not os.access(out, os.W_OK):
        raise InputError(f"The folder '{out}' cannot be written: choose another by --out.")
    for left in (out / WORK).iterdir():  # by a process that was killed, unless one is at it
        with _locked(out, left.name) as mine:
            if mine:
                shutil.rmtree(left, ignore_errors=True)
