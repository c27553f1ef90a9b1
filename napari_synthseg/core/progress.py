"""Progress of long work: generators that yield `Progress` and return a result, one in another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.predictions import Prediction

R = TypeVar("R")

GETTING_READY = "getting ready"
"""Begins the messages of what comes before a training."""


class Cancelled(BaseException):
    """Raised inside a generator, at its yield, when the user cancels its job.

    Not GeneratorExit, because ``yield from`` turns that into a ``close()`` of the inner generator
    and loses what it returns; not an Exception, because a cancel is no error.

    Attributes
    ----------
    quickly
        Whether the work ends without finishing touches, because the program or project is closed.
    """

    def __init__(self, quickly: bool = False) -> None:
        super().__init__()
        self.quickly = quickly


@dataclass(frozen=True, eq=False)
class Progress:
    """How far long work is.

    Attributes
    ----------
    fraction
        Share that is done, 0 to 1.
    message
        What is being done, for people.
    metrics
        Figures of now, by name: "step", "loss", "seconds", what was validated.
    previews
        What is made or learned so far, by name; each tuple in the same order.
    notes
        What the user should know now, sentences without a point.
    prediction
        What a model that is being trained finds so far, where it is looked through.
    finishing
        Cancelled work gives its result a finishing touch, and would end at once if asked again.
    """

    fraction: float
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    previews: Mapping[str, tuple[DualImage, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    prediction: Prediction | None = None
    finishing: bool = False


def subprogress(
    work: Generator[Progress, Any, R],
    start: float = 0.0,
    stop: float = 1.0,
    message: str | None = None,
    finishing: bool = False,
) -> Generator[Progress, None, R]:
    """Run work as a part of other work, as `told_as` does; return its result.

    Its fractions are scaled into [start, stop]; `message` is put in front of its own; with
    `finishing` its steps are finishing touches of cancelled work.
    """

    def tell(step: Progress) -> AbstractContextManager[Progress]:
        words = ": ".join(part for part in (message, step.message) if part)
        # no further than the next part begins, by rounding
        fraction = min(start + (stop - start) * step.fraction, stop)
        touches = finishing or step.finishing
        return nullcontext(replace(step, fraction=fraction, message=words, finishing=touches))

    return told_as(tell, work)


def told_as(
    tell: Callable[[Progress], AbstractContextManager[Progress]],
    work: Generator[Progress, Any, R],
) -> Generator[Progress, None, R]:
    """Run work whose steps are told as what `tell` makes of them; return its result.

    Each step is told inside of its context. What is thrown in is thrown into the inner work, which
    may still return a result; where this generator is closed, the inner work is closed at once.
    """
    try:
        step = next(work)
        while True:
            try:
                with tell(step) as told:
                    yield told
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - the inner work decides
                step = work.throw(error)
            else:
                step = next(work)
    except StopIteration as end:
        result: R = end.value
        return result
    finally:
        work.close()


def in_turn(
    works: Sequence[Generator[Progress, Any, R]],
    thing: str = "image",
    names: Sequence[str] = (),
) -> Generator[Progress, None, list[R]]:
    """Run one piece of work after the other; return their results.

    Messages begin with the name of each in `names`, or else number them as what each is for, a
    `thing`.
    """
    found = []
    for number, work in enumerate(works):
        part = number / len(works), (number + 1) / len(works)
        words = names[number] if names else f"{thing} {number + 1} of {len(works)}"
        found.append((yield from subprogress(work, *part, words)))
    return found


def exhaust(work: Generator[Any, Any, R]) -> R:
    """Run work to its end; return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: R = end.value
            return result
