"""The bounded cache: what is kept, what goes first, and what another process gets of it."""

from __future__ import annotations

import pickle

import numpy as np

from napari_synthseg.core.cache import ByteCache


def test_the_newest_values_are_kept_within_a_limit() -> None:
    cache: ByteCache[np.ndarray] = ByteCache(250)
    made: list[str] = []

    def get(key: str, size: int = 100) -> None:
        def make() -> np.ndarray:
            made.append(key)
            return np.zeros(size, np.uint8)

        cache.get_or_make(key, make)

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]  # b went when c came, for a was used since
    assert (len(cache), cache.nbytes) == (2, 200)
    get("huge", 1000)
    get("huge", 1000)
    assert (len(cache), cache.nbytes) == (1, 250)
    get("a")
    assert made == ["a", "b", "c", "b", "huge", "a"]
    cache.clear()
    assert cache.get("a") is None


def test_nothing_is_a_value_too_and_a_replaced_value_counts_once() -> None:
    cache: ByteCache[str | None] = ByteCache(10, lambda value: len(value or ""))
    made: list[str] = []
    for _ in range(2):
        assert cache.get_or_make("none", lambda: made.append("none")) is None
    assert made == ["none"]
    cache.put("word", "four")
    cache.put("word", "fives")
    assert (cache.get("word"), cache.nbytes) == ("fives", 5)


def test_a_copy_for_another_process_starts_empty() -> None:
    cache: ByteCache[np.ndarray] = ByteCache(100)
    cache.put("a", np.zeros(10, np.uint8))
    copy = pickle.loads(pickle.dumps(cache))
    assert (len(copy), copy.limit_bytes) == (0, 100)
