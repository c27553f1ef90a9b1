"""Zarr arrays whose chunks unpack to no more than a chunk holds, inside of shards too.

A few bytes may unpack to any number, and the library that decodes Blosc believes what the first
bytes of a chunk say, and ends the program where that is wrong: neither a file that was damaged on
its way nor one of a stranger must do that.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numcodecs
import zarr
from zarr.abc.codec import ArrayBytesCodec, BytesBytesCodec, Codec
from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec, VLenBytesCodec, VLenUTF8Codec
from zarr.core.array import AsyncArray
from zarr.core.buffer.cpu import as_numpy_array_wrapper
from zarr.core.metadata.v2 import ArrayV2Metadata

from napari_synthseg.core.errors import InputError

_HEADER = struct.Struct("<BBBBIII")
_COPIED = 0x2
"""Flag of chunks that are stored as they are."""

_MOST_GROWTH = 8
"""So many times the bytes of a chunk may be packed that were first turned into others."""

_OVERHEAD_BYTES = 1024
"""Of checksums, and of what was packed twice."""

_DICTIONARY_BYTES = 2**27
"""Memory that LZMA may take for what it looks back at; its strongest preset takes 65 MiB."""

_ON_VALUES = frozenset(
    (
        "adler32", "astype", "base64", "bitround", "crc32", "crc32c", "delta", "fixedscaleoffset",
        "fletcher32", "jenkins_lookup3", "packbits", "quantize", "shuffle", "vlen-bytes",
        "vlen-utf8",
    )
)  # fmt: skip
"""Codecs of numcodecs whose result is at most a few times as large as what they are given."""


def with_checked_chunks(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array, to be read, that refuses damaged chunks with a `ValueError`.

    Raises
    ------
    InputError
        If its chunks are packed in a way whose size cannot be told.
    """
    metadata: Any = array.metadata
    if isinstance(metadata, ArrayV2Metadata):
        size = math.prod(array.chunks) * array.dtype.itemsize
        limit = _limit(size, is_turned=bool(metadata.filters))
        filters = tuple(_checked_v2(codec, limit) for codec in metadata.filters or ()) or None
        compressor = metadata.compressor and _checked_v2(metadata.compressor, limit)
        metadata = replace(metadata, compressor=compressor, filters=filters)
    else:
        metadata = replace(metadata, codecs=_checked(metadata.codecs))
    return zarr.Array(AsyncArray(metadata, array.store_path))


def check_blosc(chunk: bytes, limit: int) -> None:
    """Refuse a chunk whose header does not fit it, or says that it holds more than `limit` bytes.

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
    _check_size(unpacked, limit)


def _limit(size: int, is_turned: bool) -> int:
    """Return the most bytes that a chunk of `size` bytes is unpacked to."""
    return size * (_MOST_GROWTH if is_turned else 1) + size // 8 + _OVERHEAD_BYTES


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ValueError("a chunk is damaged: it unpacks to more than a chunk holds")


def _unpack_blosc(chunk: bytes, limit: int) -> Any:
    check_blosc(chunk, limit)
    return numcodecs.Blosc().decode(chunk)


def _unpack_lz4(chunk: bytes, limit: int) -> Any:
    _check_size(int.from_bytes(chunk[:4], "little"), limit)
    return numcodecs.LZ4().decode(chunk)


def _unpack_zstd(chunk: bytes, limit: int) -> Any:
    from imagecodecs import ZstdError, zstd_decode

    try:
        return zstd_decode(chunk, out=limit)
    except ZstdError as error:
        raise ValueError(f"a chunk is damaged, or unpacks to more than it holds: {error}") from None


def _unpack_stream(start: Callable[[], Any], chunk: bytes, limit: int) -> bytes:
    """Unpack streams that follow each other."""
    parts, room = [], limit
    while True:
        stream = start()
        parts.append(stream.decompress(chunk, room + 1))
        room -= len(parts[-1])
        _check_size(limit - room, limit)
        if not stream.eof:
            raise ValueError("a chunk is cut short")
        chunk = stream.unused_data.lstrip(b"\0")
        if not chunk:
            return b"".join(parts)


_AT_MOST: Mapping[str, Callable[[bytes, int], Any]] = {
    "blosc": _unpack_blosc,
    "bz2": partial(_unpack_stream, bz2.BZ2Decompressor),
    "gzip": partial(_unpack_stream, partial(zlib.decompressobj, zlib.MAX_WBITS + 16)),
    "lz4": _unpack_lz4,
    "lzma": partial(
        _unpack_stream, partial(lzma.LZMADecompressor, memlimit=_DICTIONARY_BYTES)
    ),
    "zlib": partial(_unpack_stream, zlib.decompressobj),
    "zstd": _unpack_zstd,
}  # fmt: skip
"""Name of a codec -> what unpacks a chunk to a number of bytes at most."""


class _BoundedV2(numcodecs.abc.Codec):  # type: ignore[misc]  # it has no types
    """A codec as zarr 2 calls it."""

    codec_id = "bounded"  # the class must have one

    def __init__(self, codec: Any, limit: int) -> None:
        self.codec_id = codec.codec_id
        self._codec, self._limit = codec, limit

    def encode(self, buf: Any) -> Any:
        return self._codec.encode(buf)

    def decode(self, buf: Any, out: Any = None) -> Any:
        return _AT_MOST[self.codec_id](memoryview(buf).tobytes(), self._limit)

    def get_config(self) -> Any:
        return self._codec.get_config()


@dataclass(frozen=True)
class _Bounded(BytesBytesCodec):
    """A codec of zarr 3; `is_around` others, or around what was turned into other bytes."""

    codec: BytesBytesCodec
    name: str
    is_around: bool
    is_fixed_size = False

    def to_dict(self) -> Any:
        return self.codec.to_dict()

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        size = math.prod(chunk_spec.shape) * chunk_spec.dtype.to_native_dtype().itemsize
        limit = _limit(size, self.is_around)

        def unpack(chunk: Any) -> Any:
            return _AT_MOST[self.name](memoryview(chunk).tobytes(), limit)

        return as_numpy_array_wrapper(unpack, chunk_bytes, chunk_spec.prototype)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        return self.codec.compute_encoded_size(input_byte_length, chunk_spec)


def _checked(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    is_around = any(isinstance(codec, ShardingCodec) for codec in codecs)
    return tuple(_checked_one(codec, is_around) for codec in codecs)


def _checked_one(codec: Codec, is_around: bool) -> Codec:
    if isinstance(codec, ShardingCodec):
        return replace(
            codec, codecs=_checked(codec.codecs), index_codecs=_checked(codec.index_codecs)
        )
    if isinstance(codec, BytesCodec | Crc32cCodec | VLenBytesCodec | VLenUTF8Codec):
        return codec
    if not isinstance(codec, BytesBytesCodec | ArrayBytesCodec):
        return codec  # numbers to as many numbers
    name = str(codec.to_dict()["name"]).removeprefix("numcodecs.")
    if isinstance(codec, BytesBytesCodec) and name in _AT_MOST:
        return _Bounded(codec, name, is_around)
    _require_known(name)
    return codec


def _checked_v2(codec: Any, limit: int) -> Any:
    """Return a codec of numcodecs that unpacks to `limit` bytes at most."""
    if codec.codec_id in _AT_MOST:
        return _BoundedV2(codec, limit)
    _require_known(codec.codec_id)
    return codec


def _require_known(name: str) -> None:
    if name not in _ON_VALUES:
        raise InputError(
            f"it is packed by '{name}', whose size cannot be checked: save it again with Blosc, "
            "zstd or gzip."
        )
