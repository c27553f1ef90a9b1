"""Whatever a file holds, it is read or refused in words: nothing crashes, hangs or explodes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.images import describe, open_pixels

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
