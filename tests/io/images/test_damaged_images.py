"""Whatever a file holds, it is read or refused in words: nothing crashes, hangs or explodes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import google_crc32c
import imagecodecs
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from zarr.codecs import BloscCodec
from zarr.codecs import numcodecs as zarr_numcodecs

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file
from napari_synthseg.storage.images import describe, open_pixels
from tests.helpers.zarr_images import write_ome_zarr

PIXELS = np.random.default_rng(0).integers(0, 255, (3, 24, 24), np.uint8)


def _tiff(**options: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, PIXELS, photometric="minisblack", **options)
    return file.getvalue()


def _picture(kind: str) -> bytes:
    file = BytesIO()
    Image.fromarray(PIXELS.transpose(1, 2, 0)).save(file, kind)
    return file.getvalue()


def _deep_png() -> bytes:
    return bytes(imagecodecs.png_encode(PIXELS.transpose(1, 2, 0).astype(np.uint16).copy()))


def _turned() -> bytes:
    file, exif = BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS[0]).save(file, "jpeg", exif=exif)
    return file.getvalue()


def _headed(code: int, text: str) -> bytes:
    return _tiff(extratags=[(code, 2, 0, text, True)], metadata=None)


FILES = {
    "fei": _headed(34682, "[Scan]\r\nPixelWidth=2e-9\r\n[Image]\r\nResolutionY=20\r\n"),
    "zeiss": _headed(34118, "0\r\n0\r\n0\r\n2e-9\r\nDP_IMAGE_STORE\r\nStore = 24 * 20\r\n"),
    "nodata": _headed(42113, "-9999"),
    "deep png": _deep_png(),
    "turned jpeg": _turned(),
    "plain": _tiff(),
    "packed": _tiff(compression="zlib"),
    "tiled": _tiff(tile=(16, 16)),
    "ome": _tiff(ome=True),
    "imagej": _tiff(imagej=True),
    "png": _picture("png"),
    "jpeg": _picture("jpeg"),
    "bmp": _picture("bmp"),
}


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=25, deadline=None)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    head=st.booleans(),
    kept=st.floats(0.1, 1),
)
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    changes: list[tuple[float, int]],
    head: bool,
    kept: float,
) -> None:
    content = bytearray(FILES[kind])
    for place, value in changes:  # in the header, where sizes and offsets stand, or anywhere
        content[int(place * (min(len(content), 300 if head else len(content)) - 1))] = value
    path = tmp_path_factory.getbasetemp() / f"damaged {kind}"
    path.write_bytes(content[: max(8, int(kept * len(content)))])
    try:
        for ref in describe(path)[:3]:
            read = open_pixels(ref, path.parent).read()
            assert read.dtype == np.float32
            assert np.isfinite(read).all()
    except InputError as error:
        assert f"damaged {kind}" in str(error)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_pictures_with_a_palette_that_are_cut_short_are_refused(tmp_path: Path, kind: str) -> None:
    stream = BytesIO()
    ramp = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    picture = Image.fromarray(ramp).convert("P")
    picture.putpalette([value for n in range(256) for value in (n, 255 - n, n // 2)])
    picture.save(stream, kind)
    path = tmp_path / f"cut.{kind.lower()}"
    content = stream.getvalue()
    for kept in range(8, len(content), 61):
        path.write_bytes(content[:kept])
        with pytest.raises(InputError, match=r"cut\."):
            open_pixels(describe(path)[0], tmp_path).read()


def test_a_list_of_pages_that_runs_in_a_circle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        first, *_, last = tiff.pages
        after = last.offset + 2 + 12 * len(last.tags)
    content = bytearray(path.read_bytes())
    assert content[after : after + 4] == bytes(4)
    content[after : after + 4] = first.offset.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"its list of pages runs in a circle"):
        describe(path)


def test_a_small_file_that_claims_many_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS[0], photometric="minisblack", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        places = {name: tiff.pages[0].tags[name] for name in ("ImageLength", "RowsPerStrip")}
        at = [place.valueoffset for place in places.values()]
    content = bytearray(path.read_bytes())
    for offset in at:
        content[offset : offset + 2] = (65_000).to_bytes(2, "little")
    path.write_bytes(content)
    assert describe(path)[0].name == "a.tif"  # 1.5 MB of it may well be so few bytes
    with tifffile.TiffFile(path) as tiff:
        width = tiff.pages[0].tags["ImageWidth"].valueoffset
    content[width : width + 2] = (65_000).to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"it claims 4029 MB of pixels and has \d+ bytes"):
        describe(path)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "blosc": numcodecs.Blosc().encode, "bz2": bz2.compress, "gzip": gzip.compress,
    "lz4": numcodecs.LZ4().encode, "lzma": lzma.compress, "zlib": zlib.compress,
    "zstd": numcodecs.Zstd().encode,
}  # fmt: skip


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("version", [2, 3, "shards"])
@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3 specification")
def test_a_chunk_that_unpacks_to_more_than_it_holds_is_refused(
    tmp_path: Path, kind: str, version: Any
) -> None:
    folder = tmp_path / "a.zarr"
    is_old = version == 2
    name = kind if kind in ("blosc", "gzip", "zstd") else f"numcodecs.{kind}"
    codec: Any = {"name": name, "configuration": {}}
    made = zarr.create_array(
        str(folder), shape=(24, 24), chunks=(24, 24), dtype="u1", zarr_format=2 if is_old else 3,
        shards=(24, 24) if version == "shards" else None,
        compressors=numcodecs.get_codec({"id": kind}) if is_old else codec,
    )  # fmt: skip
    made[:] = PIXELS[0]
    np.testing.assert_array_equal(open_file(folder).read((slice(None), slice(None))), PIXELS[0])
    chunk = folder / ("0.0" if is_old else "c/0/0")
    bomb = PACKED[kind](bytes(10 * 2**20))
    if version == "shards":
        index = struct.pack("<QQ", 0, len(bomb))
        bomb += index + google_crc32c.value(index).to_bytes(4, "little")
    chunk.write_bytes(bomb)
    with pytest.raises(InputError, match=r"unpacks to more"):
        open_file(folder).read((slice(None), slice(None)))


def test_chunks_in_a_format_of_unknown_size_are_refused(tmp_path: Path) -> None:
    class Odd(numcodecs.Zlib):
        codec_id = "odd"

    numcodecs.register_codec(Odd)
    zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(24, 24), dtype="u1", zarr_format=2, compressors=Odd()
    )
    with pytest.raises(InputError, match=r"'a\.zarr' is not read: it is packed by 'odd'"):
        open_file(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5", "shards", "numcodecs"])
@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3 specification")
def test_a_damaged_chunk_of_blosc_is_refused(tmp_path: Path, version: str) -> None:
    """The library that decodes it would end the program."""
    folder = tmp_path / "a.zarr"
    if version == "0.4":
        write_ome_zarr(folder, PIXELS, "cyx", version)
        (chunk, *_) = sorted(path for path in (folder / "0").rglob("0.0.0"))
    else:
        made = zarr.create_array(
            str(folder), shape=(24, 24), chunks=(24, 24), dtype="u1",
            shards=(24, 24) if version == "shards" else None,
            compressors=zarr_numcodecs.Blosc() if version == "numcodecs" else BloscCodec(),
            dimension_names=("y", "x"),
        )  # fmt: skip
        made[:] = PIXELS[0]
        (chunk, *_) = sorted(path for path in folder.rglob("c/0/0"))
    ref = describe(folder)[0]
    open_pixels(ref, tmp_path).read()
    for damage in (
        {4: b"\0\2\0\x2c", 8: b"\x0a\x20\x20\x20"},  # sizes of a chunk that was not
        {12: b"\xff\xff\0\0"}, {8: b"\0\0\0\0"}, {3: b"\0"},
    ):  # fmt: skip
        content = bytearray(chunk.read_bytes())
        for at, data in damage.items():
            content[at : at + len(data)] = data
        whole, _ = chunk.read_bytes(), chunk.write_bytes(content)
        with pytest.raises(InputError, match=r"a chunk is damaged"):
            open_pixels(describe(folder)[0], tmp_path).read()
        chunk.write_bytes(whole)
