"""Run the units of a study that have no record yet, alone or beside other processes.

Each unit is worked on under a lock that the kernel frees when its holder dies. A finished unit is
one line in the study's record file. So a study may be killed at any moment and started again, and
several processes may share its work.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.study.figure import SHOWN
from benchmarks.study.measure import RunJob, measure_unit
from benchmarks.study.records import LOCKS, append_record, read_records, records_path
from benchmarks.study.units import Unit
from napari_synthseg.cli.console import say
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.scores import metric_title
from napari_synthseg.workflow.jobs import Job

WORK = "work"
"""Folder for the projects of units that are being worked on."""

RETRY_SECONDS = 1.0
"""Time between two tries to get units that another process holds."""

THREADS_VARIABLE = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Failure:
    """A unit that failed, and why; `defect`: through no fault of the user's."""

    unit: Unit
    message: str
    defect: bool


def run_units(
    units: Sequence[Unit],
    out: Path,
    *,
    run_job: RunJob = Job.result,
    say: Callable[[str], None] = lambda message: None,
) -> list[Failure]:
    """Run all units that have no record yet; return those that failed.

    Units that another process works on are tried again at the end: returns only when each unit is
    done or has failed here.

    Raises
    ------
    InputError
        If `out` cannot be written, or a record is damaged.
    """
    _prepare(out)
    waiting = _without_record(units, out)
    say(f"{len(units) - len(waiting)} of {len(units)} units are done, {len(waiting)} to go")
    failures: list[Failure] = []
    while waiting:
        held = []
        for unit in waiting:
            with _locked(out, unit.name()) as mine:
                if not mine:
                    held.append(unit)
                elif _without_record([unit], out):
                    failures += _do(unit, out, run_job, say)
        if len(held) == len(waiting):
            time.sleep(RETRY_SECONDS)
        waiting = _without_record(held, out)
    return failures


def _without_record(units: Sequence[Unit], out: Path) -> list[Unit]:
    records = read_records(out)
    return [unit for unit in units if unit.name() not in records]


def _do(unit: Unit, out: Path, run_job: RunJob, say: Callable[[str], None]) -> tuple[Failure, ...]:
    folder = out / WORK / unit.name()
    shutil.rmtree(folder, ignore_errors=True)  # left since this process began
    say(f"{unit.label}: begins")
    try:
        record = measure_unit(unit, folder, run_job, out)
        append_record(out, record)
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
    """Lock a unit; gives False where another process has it."""
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
        records_path(out).open("ab").close()
    except OSError as error:
        raise InputError(f"The folder '{out}' cannot be written: {error.strerror}.") from None
    if not os.access(out, os.W_OK):
        raise InputError(f"The folder '{out}' cannot be written: choose another by --out.")
    for left in (out / WORK).iterdir():  # by a killed process, unless the unit is locked
        with _locked(out, left.name) as mine:
            if mine:
                shutil.rmtree(left, ignore_errors=True)


def share_units(units: Sequence[Unit], out: Path, jobs: int) -> list[Failure]:
    """Let `jobs` processes run the units; return those that failed in all of them.

    The cores are divided among the processes, unless the environment says how many threads each
    shall have.
    """
    os.environ.setdefault(THREADS_VARIABLE, str(max(1, (os.cpu_count() or 1) // jobs)))
    context = multiprocessing.get_context("spawn")
    workers = []
    for _ in range(jobs):
        news, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(tuple(units), out, theirs))
        worker.start()
        theirs.close()  # so that the pipe ends with the worker
        workers.append((worker, news))
    failures: dict[str, Failure] = {}
    for worker, news in workers:
        try:
            failures |= {failure.unit.name(): failure for failure in news.recv()}
        except EOFError:
            say("One of the processes ended early; the unit that it worked on is not done.")
        worker.join()
    records = read_records(out)
    left = [unit for unit in units if unit.name() not in records]
    gone = "the process that worked on it ended early: start the study again"
    return [failures.get(unit.name(), Failure(unit, gone, defect=True)) for unit in left]


def _work(units: Sequence[Unit], out: Path, news: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        news.send(run_units(units, out, say=say))  # bars of several processes would collide
    except KeyboardInterrupt:
        say("stopped")


def _end_with_parent() -> None:
    """End this process at once when the one that started it is gone, killed perhaps."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
