"""The bounded cache: what is kept, what goes first, and what another process gets of it."""

from __future__ import annotations

import pickle

import numpy as np

from napari_synthseg.core.cache import MOST_VERSIONS, ByteCache


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


def test_of_the_versions_of_one_thing_the_last_are_kept() -> None:
    cache: ByteCache[int] = ByteCache(1000, lambda _: 1)
    cache.put("other", 0)
    cache.put("b0", 0, version_of="b")
    for number in range(MOST_VERSIONS + 3):
        cache.put(f"a{number}", number, version_of="a")
        cache.put("a0" if number < 3 else "a3", number, version_of="a")  # the same one again
    kept = [n for n in range(MOST_VERSIONS + 3) if cache.get(f"a{n}") is not None]
    assert kept == [3, 4, 5, 6]
    assert cache.get("other") == cache.get("b0") == 0
    assert len(cache) == MOST_VERSIONS + 2
    cache.clear()
    cache.put("a7", 7, version_of="a")
    assert cache.get("a7") == 7


def test_who_asks_for_fewer_versions_drops_none_of_those_that_others_keep() -> None:
    cache: ByteCache[int] = ByteCache(1000, lambda _: 1)
    for number in range(10):
        cache.put(f"a{number}", number, version_of="a", most=12)
    cache.put("a10", 10, version_of="a", most=2)
    assert len(cache) == 11
    for number in range(11, 15):
        cache.put(f"a{number}", number, version_of="a", most=2)
    assert len(cache) == 12


def test_a_copy_for_another_process_starts_empty() -> None:
    cache: ByteCache[np.ndarray] = ByteCache(100)
    cache.put("a", np.zeros(10, np.uint8))
    copy = pickle.loads(pickle.dumps(cache))
    assert (len(copy), copy.limit_bytes) == (0, 100)
