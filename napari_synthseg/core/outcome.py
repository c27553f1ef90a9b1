"""How a piece of background work ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


class Cancelled(BaseException):
    """Raised inside a generator, at its yield, when the user cancels its job.

    Not GeneratorExit, because ``yield from`` turns that into a ``close()`` of the inner generator
    and loses what it returns; not an Exception, because a cancel is no error.
    """


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
