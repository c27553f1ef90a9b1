"""Zarr arrays whose Blosc chunks are checked before they are decoded, inside of shards too.

The library that decodes these believes what their first bytes say, and ends the program where that
is wrong: a file that was damaged on its way must not do that.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import zarr
from numcodecs import Blosc
from zarr.abc.codec import Codec
from zarr.codecs import BloscCodec, ShardingCodec
from zarr.core.array import AsyncArray
from zarr.core.metadata.v2 import ArrayV2Metadata

_HEADER = struct.Struct("<BBBBIII")
_COPIED = 0x2
"""Flag of chunks that are stored as they are."""


def with_checked_chunks(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array, to be read, that refuses damaged chunks with a `ValueError`."""
    metadata: Any = array.metadata
    if isinstance(metadata, ArrayV2Metadata):
        filters = tuple(map(_checked_v2, metadata.filters or ())) or None
        metadata = replace(metadata, compressor=_checked_v2(metadata.compressor), filters=filters)
    else:
        metadata = replace(metadata, codecs=tuple(map(_checked, metadata.codecs)))
    return zarr.Array(AsyncArray(metadata, array.store_path))


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


class _Checked(Blosc):  # type: ignore[misc]  # it has no types
    """The library, as zarr 2 calls it."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        check_blosc(memoryview(buf).tobytes())
        return super().decode(buf, out)


class _CheckedCodec(BloscCodec):
    """The codec of zarr 3."""

    # not cached: the unchecked one is, under the same name, and other threads would take it
    @property
    def _blosc_codec(self) -> Blosc:
        return _checked_v2(super()._blosc_codec)


def _checked(codec: Codec) -> Codec:
    if isinstance(codec, ShardingCodec):
        return replace(codec, codecs=tuple(map(_checked, codec.codecs)))
    if getattr(codec, "codec_name", "") == "numcodecs.blosc":  # its chunks are the same
        return _CheckedCodec()
    return _CheckedCodec.from_dict(codec.to_dict()) if isinstance(codec, BloscCodec) else codec


def _checked_v2(codec: Any) -> Any:
    """Return a codec of numcodecs, checked if it is Blosc."""
    if not isinstance(codec, Blosc):
        return codec
    return _Checked(**{key: value for key, value in codec.get_config().items() if key != "id"})
