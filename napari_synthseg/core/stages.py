"""Work in stages: generators that yield their progress and return a result, one inside another."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def relay(work: Generator[S, Any, R], tell: Callable[[S], T]) -> Generator[T, None, R]:
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


def result_of(work: Generator[Any, Any, R]) -> R:
    """Do work to its end without a word of its progress; return its result."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: R = stop.value
            return result
