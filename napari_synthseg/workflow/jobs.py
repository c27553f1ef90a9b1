"""Background work: one generator, run in a thread or in place.

Every long piece of work in this package is a generator that yields its progress. A `Job` runs it.
Cancelling raises `Cancelled` inside the generator, at its current yield and in the worker, so that
its ``finally:`` blocks run there; what it returns on the way out becomes the outcome's value. On
that way it may still yield steps that are `finishing`, in which it can be cancelled again, quickly.
Nothing here knows of Qt: listeners are called in the worker's thread and bring the news to their
own thread themselves.
"""

from __future__ import annotations

import ctypes
import threading
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, TypeVar, cast

from psygnal import Signal

from napari_synthseg.core.progress import Cancelled, Progress

T = TypeVar("T")

TRIM_AFTER_S = 2.0
"""Work in a thread that takes so long is followed by giving back the memory that it leaves free."""

OutcomeState = Literal["done", "cancelled", "failed"]
JobState = Literal["waiting", "running", "paused", "done", "cancelled", "failed"]


@dataclass(frozen=True, eq=False)
class Outcome(Generic[T]):
    """The end of a `Job`.

    `value` is what the generator returned (after a cancel, too, where it still returned
    something); `error` is the exception and `traceback` its text where it failed.
    """

    state: OutcomeState
    value: T | None = None
    error: BaseException | None = None
    traceback: str = ""


class Job(Generic[T]):
    """Runs a generator; can be paused, resumed and cancelled between two steps.

    Parameters
    ----------
    work
        Yields `Progress` and returns the value.
    name
        What is being done, for people.
    subject
        Id of the thing it is done for (a run, an image), for the caller's own use.
    record
        Called by `result` once it has run the work.
    """

    progressed = Signal(object)
    """Emitted with each yielded object, in the thread that runs the generator."""

    finished = Signal(Outcome)
    """Emitted once, in the thread that ran the generator."""

    def __init__(
        self,
        work: Generator[Any, None, T],
        name: str = "work",
        subject: str = "",
        record: Callable[[Job[T]], None] | None = None,
    ) -> None:
        self.name = name
        self.subject = subject
        self.outcome: Outcome[T] | None = None
        self._work = work
        self._record = record
        self._go = threading.Event()
        self._go.set()
        self._gate = threading.Lock()
        self._is_paused = False
        self._until: Callable[[Any], bool] | None = None
        self._cancelled = threading.Event()
        self._quickly = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, name: str, make: Callable[[], T]) -> Job[T]:
        """Return the job that calls a function, which cannot be interrupted.

        Where it is cancelled meanwhile, the outcome says so once the function is over.
        """

        def work() -> Generator[Progress, None, T]:
            yield Progress(0.0, name)
            made = make()
            with suppress(Cancelled):
                yield Progress(1.0, name)
            return made

        return Job(work(), name)

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        if self.outcome is not None:
            return self.outcome.state
        if self._thread is None:
            return "waiting"
        return "paused" if self._is_paused and not self._cancelled.is_set() else "running"

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended; paused, it runs, too."""
        return self.state in ("running", "paused")

    @property
    def is_stopping(self) -> bool:
        """Whether it was cancelled, and has not ended yet."""
        return self._cancelled.is_set() and self.outcome is None

    def start(self) -> Self:
        """Run the generator in a thread of its own, which the program's end does not wait for."""
        if self._thread is not None:
            raise RuntimeError(f"job '{self.name}' was started twice")
        self._thread = threading.Thread(
            target=self._run_then_trim, name=f"job: {self.name}", daemon=True
        )
        self._thread.start()
        return self

    def run(self) -> Outcome[T]:
        """Run the generator here, to its end; return (and emit) the outcome."""
        if self._thread is None:
            self._thread = threading.current_thread()
        try:
            outcome = self._run_steps()
        except BaseException as error:  # noqa: BLE001 - every failure is an outcome
            outcome = Outcome("failed", error=error, traceback=traceback.format_exc())
            self._work.close()  # a listener may have failed rather than the work itself
        self.outcome = outcome
        try:
            self.finished.emit(outcome)
        finally:
            self._ended.set()
        return outcome

    def _run_then_trim(self) -> None:
        began = time.monotonic()
        self.run()
        if time.monotonic() - began > TRIM_AFTER_S:
            give_back_memory()

    def pause(self) -> None:
        """Stop before the next step, until `resume` or `cancel`; cancelled work is not paused."""
        with self._gate:
            if self.outcome is None and not self._cancelled.is_set():
                self._is_paused, self._until = True, None
                self._go.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._gate:
            self._is_paused, self._until = False, None
            self._go.set()

    def step(self, until: Callable[[Any], bool]) -> None:
        """Let paused work take steps up to one whose yield `until` holds for; it stays paused."""
        with self._gate:
            if self._is_paused:
                self._until = until
                self._go.set()

    def _stand_still_after(self, step: Any) -> None:
        """Close the gate again where `step` was asked for, and this was it."""
        with self._gate:
            if self._until is not None and self._until(step) and not self._cancelled.is_set():
                self._until = None
                self._go.clear()

    def cancel(self, *, quickly: bool = False) -> None:
        """Ask the work to end at its next yield; return at once.

        With `quickly` it ends without finishing touches, such as a choice of thresholds, also where
        it was cancelled before and is at these.
        """
        self._quickly = self._quickly or quickly
        with self._gate:
            self._cancelled.set()
            self._go.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end of a started job, at most `timeout` seconds; return whether it ended."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._ended.wait(timeout)
        return self.outcome is not None

    def result(self) -> T:
        """Run the work here, or wait for its end where it was started; return its value.

        What made it fail is raised. Of a cancelled job the value is what the work still returned,
        or None.
        """
        if self._thread is None:
            self.run()
            if self._record is not None:
                self._record(self)
        self.join()
        assert self.outcome is not None
        if self.outcome.error is not None:
            raise self.outcome.error
        return cast("T", self.outcome.value)

    def _run_steps(self) -> Outcome[T]:
        thrown: bool | None = None  # whether the `Cancelled` thrown in last was to be quick
        while True:
            self._go.wait()
            quickly = self._quickly
            is_due = self._cancelled.is_set() and (thrown is None or quickly > thrown)
            try:
                if is_due:
                    thrown = quickly
                    step = self._work.throw(Cancelled(quickly))
                else:
                    step = next(self._work)
            except StopIteration as stop:
                return Outcome("done" if thrown is None else "cancelled", value=stop.value)
            except Cancelled:
                return Outcome("cancelled")
            if thrown or (thrown is False and not getattr(step, "finishing", False)):
                self._work.close()
                raise RuntimeError(f"job '{self.name}' went on after it was cancelled")
            self.progressed.emit(step)
            self._stand_still_after(step)


def give_back_memory() -> None:
    """Give back to the system what this program's work left free.

    glibc keeps that for each thread, by the hundred megabytes after a training; giving it back
    takes some hundredths of a second. Other allocators do so by themselves.
    """
    with suppress(AttributeError, TypeError):  # there is no glibc
        ctypes.CDLL(None).malloc_trim(0)
