"""What a command prints: results on stdout, for people or as one line of JSON; progress on stderr.

Ctrl-C is a polite request to stop the job that runs.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from napari_synthseg.core.progress import Progress as WorkProgress
from napari_synthseg.workflow.jobs import Job

T = TypeVar("T")

LINE_INTERVAL_S = 10.0
"""Least time between two lines of progress where stderr is no terminal."""

TABLE_COLUMNS = 10_000
"""Letters in a line of a printed table: it is never wrapped, as it may go to a file."""


def report(result: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Print `lines` for people, or `result` for programs, on stdout."""
    if as_json:
        print(json.dumps(_finite(result), ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(lines))


def table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Return the lines of a plain table: the first column to the left, numbers to the right."""
    grid = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        grid.add_column(Text(name), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=TABLE_COLUMNS, color_system=None)
    with console.capture() as captured:
        console.print(grid)
    return [line.rstrip() for line in captured.get().splitlines()]


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> Any:
    """Return the value with NaN and infinities, which JSON does not know, as None."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- progress ------------------------------------------------------------------------------------


def run_job(job: Job[T]) -> T:
    """Run a job here with progress on stderr, record it, and return its value.

    Ctrl-C cancels the job at its next step, so that what it made so far is kept; a second one
    ends the program at once.

    Raises
    ------
    KeyboardInterrupt
        After a job that was cancelled has been recorded.
    """
    with _show(job), _cancel_on_interrupt(job):
        value = job.result()
    if job.state == "cancelled":
        raise KeyboardInterrupt
    return value


def say(message: str) -> None:
    """Tell people something on stderr."""
    print(message, file=sys.stderr, flush=True)


def describe(step: WorkProgress) -> str:
    """Return a step in words."""
    loss = step.metrics.get("loss", math.nan)
    return step.message + (f", loss {loss:.3f}" if math.isfinite(loss) else "")


@contextmanager
def _show(job: Job[Any]) -> Iterator[None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        lines = _Lines(job.name)
        job.progressed.connect(lines.show)
        job.progressed.connect(lambda step: _say_notes(step, say))
        yield
        lines.end()
        return
    columns = (
        SpinnerColumn(), TextColumn("[bold]{task.description}"), BarColumn(bar_width=24),
        TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(job.name, total=1.0, words="")

        def show(step: WorkProgress) -> None:
            _say_notes(step, lambda words: bar.console.print(words, markup=False))
            bar.update(task, completed=min(step.fraction, 1.0), words=describe(step))

        job.progressed.connect(show)
        yield
        bar.update(task, completed=1.0)


def _say_notes(step: WorkProgress, tell: Callable[[str], None]) -> None:
    for note in step.notes:
        tell(f"Note: {note}.")


class _Lines:
    """Progress where stderr goes to a file or a pipe: a line now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = self._said = time.monotonic()
        self._last = ""
        say(f"{name} ...")

    def show(self, step: WorkProgress) -> None:
        now = time.monotonic()
        line = f"{self._name}: {step.fraction:4.0%}  {describe(step)}"
        if now - self._said >= LINE_INTERVAL_S and line != self._last:
            self._said, self._last = now, line
            say(line)

    def end(self) -> None:
        say(f"{self._name}: ended after {time.monotonic() - self._started:.1f} s")


@contextmanager
def _cancel_on_interrupt(job: Job[Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield  # started by nohup or in the background: whoever did that wants it so
        return

    def cancel(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        say(f"{job.name}: stopping after this step (Ctrl-C again ends at once)")
        job.cancel()

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
