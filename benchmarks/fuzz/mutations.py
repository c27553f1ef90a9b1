"""Changing inputs without any library: where a change gives something new, it is changed again."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Sequence

EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
TEXTS = (
    b"-1", b"0", b"1e999", b"NaN", b"Infinity", b"null", b"[]", b"{}", b'""', b"../../x", b"\0",
    b"99999999999999999999", b"-0.5", b"true", b",", b"\n", b"\xff", b'"', b"<", b"]", b"}",
)  # fmt: skip
MAX_CHANGES = 6
MAX_BYTES = 2**20
MAX_KEPT = 2000


def change(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return an input with some changes of bytes, numbers, words, and parts of others."""
    made = bytearray(data)
    for _ in range(chance.randint(1, MAX_CHANGES)):
        at = chance.randrange(len(made) + 1)
        if chance.random() < 0.4:  # sizes and offsets stand at the start
            at = min(at, chance.randrange(400))
        length = chance.choice((1, 1, 2, 4, 8, 30))
        match chance.randrange(8):
            case 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                number = chance.choice(EDGES)
                made[at : at + 4] = struct.pack(chance.choice(("<I", ">I")), number)
            case 2:
                del made[at : at + length]
            case 3:
                made[at:at] = made[at : at + length] * chance.choice((1, 1, 2, 50))
            case 4:
                made[at : at + chance.choice((0, length))] = chance.choice(TEXTS)
            case 5:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                made[at : at + length] = other[start : start + length]
            case 6 if made and at < len(made):
                made[at] ^= 1 << chance.randrange(8)
            case _:
                if chance.random() < 0.2:
                    del made[at:]
    return bytes(made[:MAX_BYTES])


def fuzz(
    try_input: Callable[[bytes], str], seeds: Sequence[bytes], seconds: float, seed: int
) -> None:
    """Try the seeds, then changes of them and of what gave an answer never seen, for some time."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    kept, seen = list(seeds), {try_input(data) for data in seeds}
    while time.monotonic() < end:
        data = change(chance.choice(kept), kept, chance)
        answer = try_input(data)
        if answer not in seen and len(kept) < MAX_KEPT:
            seen.add(answer)
            kept.append(data)
