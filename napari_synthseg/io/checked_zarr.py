"""Zarr arrays whose Blosc chunks are checked before they are decoded.

The library that decodes these believes what their first bytes say, and ends the program where that
is wrong: a file that was damaged on its way must not do that.
"""

from __future__ import annotations

import struct
from typing import Any

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

_HEADER = struct.Struct("<BBBBIII")
_COPIED = 0x2
"""Flag of chunks that are stored as they are."""

_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


def with_checked_chunks(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array, to be read, that refuses damaged chunks with a `ValueError`."""
    return zarr.open_array(_CheckedStore(array.store), path=array.path, mode="r")


def check_blosc(chunk: bytes) -> None:
    """Refuse a chunk whose header does not fit it.

    Raises
    ------
    ValueError
        If it is no sound Blosc chunk.
    """
    if len(chunk) < _HEADER.size:
        raise ValueError("a chunk is cut short")
    _, _, flags, size, unpacked, block, packed = _HEADER.unpack_from(chunk)
    is_copied = bool(flags & _COPIED)
    sound = packed == len(chunk) and size > 0 and 0 < block <= max(unpacked, 1)
    if is_copied:
        sound &= packed == unpacked + _HEADER.size
    elif unpacked:
        blocks = -(-unpacked // max(block, 1))
        sound &= _HEADER.size + 4 * blocks <= packed
    if not sound:
        raise ValueError("a chunk is damaged: its header does not fit it")


class _CheckedStore(WrapperStore[Store]):
    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        found = await super().get(key, prototype, byte_range)
        # a part of a file is of a shard, which has chunks and an index of its own
        if found is not None and byte_range is None and not key.endswith(_METADATA):
            check_blosc(found.to_bytes())
        return found
