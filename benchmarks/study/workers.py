"""Several processes that share the units of one study."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.study.records import read_records
from benchmarks.study.runner import Failure, run_units
from benchmarks.study.units import Unit
from napari_synthseg.cli.progress import say

THREADS_VARIABLE = "OMP_NUM_THREADS"


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
