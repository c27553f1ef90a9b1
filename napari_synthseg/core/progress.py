"""Progress of long work: generators that yield it and return a result, one inside another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from napari_synthseg.core.labels import DualImage

S = TypeVar("S")

T = TypeVar("T")

R = TypeVar("R")


def subprogress(work: Generator[S, Any, R], tell: Callable[[S], T]) -> Generator[T, None, R]:
    """Do work as a stage of other work: yield `tell` of each of its steps; return its result.

    Where the other work ends early, so does this.
    """
    try:
        while True:
            try:
                step = next(work)
            except StopIteration as stop:
                result: R = stop.value
                return result
            yield tell(step)
    finally:
        work.close()


def exhaust(work: Generator[Any, Any, R]) -> R:
    """Do work to its end without a word of its progress; return its result."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: R = stop.value
            return result


class Cancelled(BaseException):
    """Raised inside a generator, at its yield, when the user cancels its job.

    Not GeneratorExit, because ``yield from`` turns that into a ``close()`` of the inner generator
    and loses what it returns; not an Exception, because a cancel is no error.
    """


@dataclass(frozen=True)
class Progress:
    """A piece of news from a long step: `fraction` in 0..1, `message` for people.

    `values` and `pictures` are those of a `FitStep`.
    """

    fraction: float
    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, tuple[DualImage, ...]] = field(default_factory=dict)
