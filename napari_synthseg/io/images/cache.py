"""Arrays that were just decoded, kept within a fixed share of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

CACHE_LIMIT = 2**29
"""Bytes that all decoded images together may keep."""


class RecentArrays:
    """Keeps what was used last; the newest always, even where it alone exceeds the limit.

    Parameters
    ----------
    limit
        Bytes that are kept in all.
    """

    def __init__(self, limit: int = CACHE_LIMIT) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the array of `key`; make it where it is not kept. Never write into it."""
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        array = make()
        with self._guard:
            self._kept[key] = array
            while len(self._kept) > 1 and sum(a.nbytes for a in self._kept.values()) > self._limit:
                self._kept.popitem(last=False)
        return array
