"""The one bounded cache: least recently used first out, limited by bytes, safe in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")

MOST_VERSIONS = 4
"""Versions of one thing that are kept: of an image, what all clicks, those that a model learns from
and those that it is chosen by give, and what was there before the last edit."""


class ByteCache(Generic[Value]):
    """Values by key, as many as fit a number of bytes.

    The newest is always kept, also where it alone is larger than the limit. Two threads that miss
    the same key at once both make the value. A pickled copy starts empty.

    Parameters
    ----------
    limit_bytes
        What all values together may take.
    size_of
        Returns the bytes of a value; default: its attribute `nbytes`.
    """

    def __init__(
        self, limit_bytes: int, size_of: Callable[[Value], int] = attrgetter("nbytes")
    ) -> None:
        self.limit_bytes, self.size_of = limit_bytes, size_of
        self._lock = threading.Lock()
        self._values: LRUCache[Hashable, Value] = LRUCache(
            limit_bytes, lambda value: min(size_of(value), limit_bytes)
        )
        self._versions: dict[Hashable, list[Hashable]] = {}
        self._most: dict[Hashable, int] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all values; one that is larger than the limit counts as the limit."""
        return int(self._values.currsize)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """Return the value of a key, which counts as used now; None where it is not kept."""
        with self._lock:
            return self._values.get(key)

    def put(
        self, key: Hashable, value: Value, version_of: Hashable = None, most: int = MOST_VERSIONS
    ) -> None:
        """Keep a value, and drop the least recently used ones that no longer fit.

        Parameters
        ----------
        version_of
            The thing that the value is a version of: whoever edits a thing leaves many behind.
        most
            How many versions of it are kept, the last ones; of what was ever asked, the largest.
        """
        with self._lock:
            self._values[key] = value
            if version_of is not None:
                most = self._most[version_of] = max(most, self._most.get(version_of, 0))
                others = (k for k in self._versions.get(version_of, ()) if k != key)
                known = [k for k in others if k in self._values]
                too_many = max(0, len(known) + 1 - most)
                for old in known[:too_many]:
                    del self._values[old]
                self._versions[version_of] = [*known[too_many:], key]

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; make and keep it where it is missing. Never write into it."""
        with self._lock:
            if key in self._values:
                return self._values[key]
        made = make()
        self.put(key, made)
        return made

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._values.clear()
            self._versions.clear()
            self._most.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return ByteCache, (self.limit_bytes, self.size_of)
