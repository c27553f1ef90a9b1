"""Background work: one generator, turned in a thread or in place.

Every long piece of work in this package is a generator that yields its progress. A `Job` turns
it. Cancelling raises `Cancelled` inside the generator, at its current yield and in the worker, so
that its ``finally:`` blocks run there; what it returns on the way out becomes the outcome's value.
Nothing here knows of Qt: listeners are called in the worker's thread and bring the news to their
own thread themselves.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

from psygnal import Signal

from napari_synthseg.core.progress import Cancelled

OutcomeState = Literal["done", "cancelled", "failed"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The end of a `Job`.

    `value` is what the generator returned (after a cancel, too, where it still returned
    something); `error` is the exception and `traceback` its text where it failed.
    """

    state: OutcomeState
    value: Any = None
    error: BaseException | None = None
    traceback: str = ""


JobState = Literal["waiting", "running", "paused", "done", "cancelled", "failed"]


class Job:
    """Turns a generator; can be paused, resumed and cancelled between two steps.

    Parameters
    ----------
    work
        Yields progress objects and returns the result.
    name
        What is being done, for people.
    subject
        Id of the thing it is done for (a run, an image), for the caller's own use.
    """

    progressed = Signal(object)
    """Emitted with each yielded object, in the thread that turns the generator."""

    finished = Signal(Outcome)
    """Emitted once, in the thread that turned the generator."""

    def __init__(
        self, work: Generator[Any, None, Any], name: str = "work", subject: str = ""
    ) -> None:
        self.name = name
        self.subject = subject
        self.outcome: Outcome | None = None
        self._work = work
        self._go = threading.Event()
        self._go.set()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        if self.outcome is not None:
            return self.outcome.state
        if self._thread is None:
            return "waiting"
        return "running" if self._go.is_set() else "paused"

    def start(self) -> Job:
        """Turn the generator in a thread of its own; return at once."""
        if self._thread is not None:
            raise RuntimeError(f"job '{self.name}' was started twice")
        self._thread = threading.Thread(target=self.run, name=f"job: {self.name}", daemon=True)
        self._thread.start()
        return self

    def run(self) -> Outcome:
        """Turn the generator here, to its end; return (and emit) the outcome."""
        if self._thread is None:
            self._thread = threading.current_thread()
        try:
            outcome = self._turn()
        except BaseException as error:  # noqa: BLE001 - every failure is an outcome
            outcome = Outcome("failed", error=error, traceback=traceback.format_exc())
            self._work.close()  # a listener may have failed rather than the work itself
        self.outcome = outcome
        self.finished.emit(outcome)
        return outcome

    def pause(self) -> None:
        """Stop before the next step, until `resume` or `cancel`."""
        if self.outcome is None:
            self._go.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._go.set()

    def cancel(self) -> None:
        """Ask the work to end at its next yield; return at once."""
        self._cancelled.set()
        self._go.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most `timeout` seconds; tell whether it came."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return self.outcome is not None

    def _turn(self) -> Outcome:
        while True:
            self._go.wait()
            if self._cancelled.is_set():
                return self._end_early()
            try:
                step = next(self._work)
            except StopIteration as stop:
                return Outcome("done", value=stop.value)
            self.progressed.emit(step)

    def _end_early(self) -> Outcome:
        try:
            self._work.throw(Cancelled)
        except StopIteration as stop:
            return Outcome("cancelled", value=stop.value)
        except Cancelled:
            return Outcome("cancelled")
        self._work.close()
        raise RuntimeError(f"job '{self.name}' went on after it was cancelled")
