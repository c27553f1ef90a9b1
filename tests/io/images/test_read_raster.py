from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import IMAGE_FORMATS, open_file
from napari_synthseg.io.images.raster import open_raster
from napari_synthseg.io.images.stored_array import StoredArray
from napari_synthseg.storage.images import describe, open_pixels

GRAY = (np.arange(24 * 30) % 251).astype(np.uint8).reshape(24, 30)
RGB = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=-1)


def everything(stored: StoredArray) -> np.ndarray:
    return stored.read(tuple(slice(0, n) for n in stored.shape))


@pytest.mark.parametrize("suffix", ["png", "bmp"])
@pytest.mark.parametrize("image", [GRAY, RGB, GRAY > 100], ids=["gray", "rgb", "bool"])
def test_exact_formats(tmp_path: Path, suffix: str, image: np.ndarray) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(image).save(path)
    stored = open_file(path)
    assert stored.axes == ("yxc" if image.ndim == 3 else "yx")
    assert stored.is_color == (image.ndim == 3)
    assert stored.dtype == image.dtype
    np.testing.assert_array_equal(everything(stored), image)
    index = (slice(2, 9), slice(0, 30, 3), slice(0, 3))[: image.ndim]
    np.testing.assert_array_equal(stored.read(index), image[index])


def test_sixteen_bits(tmp_path: Path) -> None:
    image = GRAY.astype(np.uint16) * 257
    Image.fromarray(image).save(tmp_path / "a.png")
    stored = open_file(tmp_path / "a.png")
    np.testing.assert_array_equal(everything(stored), image)
    assert stored.dtype == np.uint16


@pytest.mark.parametrize(("mode", "axes"), [("L", "yx"), ("RGB", "yxc"), ("CMYK", "yxc")])
def test_jpeg(tmp_path: Path, mode: str, axes: str) -> None:
    flat = np.full((24, 30, 3), (200, 100, 50), np.uint8)
    Image.fromarray(flat).convert(mode).save(tmp_path / "a.jpg", quality=95)
    stored = open_file(tmp_path / "a.jpg")
    assert stored.axes == axes
    expected = 125 if mode == "L" else (200, 100, 50)
    assert np.abs(everything(stored).astype(int) - expected).max() <= 6


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_dropped_not_applied(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RGB if mode == "RGBA" else GRAY)
    image.putalpha(Image.fromarray(GRAY))
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        everything(open_file(tmp_path / "a.png")), RGB if mode == "RGBA" else GRAY
    )


def test_a_palette_gives_colors_or_ids(tmp_path: Path) -> None:
    image = Image.fromarray(GRAY % 4, "P")
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 200, 0], [9, 8, 7]], np.uint8)
    image.putpalette(colors.tobytes())
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(everything(open_raster(tmp_path / "a.png")), colors[GRAY % 4])
    ids = open_raster(tmp_path / "a.png", as_ids=True)
    assert ids.axes == "yx"
    np.testing.assert_array_equal(everything(ids), GRAY % 4)


def test_the_name_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    path = (tmp_path / "a.png").rename(tmp_path / "a.tif")
    (ref,) = describe(path)
    assert open_pixels(ref, tmp_path).shape == (1, 24, 30)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
def test_a_file_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"a\.{suffix}"):
        open_pixels(describe(path)[0], tmp_path).read()


def test_a_claim_of_absurd_size_allocates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(GRAY).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with pytest.raises(InputError, match=r"bomb\.png' is a picture too large"):
        describe(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr("napari_synthseg.io.images.stored_array.MAX_READ_BYTES", 700)
    with pytest.raises(InputError, match=r"bomb\.png' would need"):
        describe(tmp_path / "bomb.png")


@pytest.mark.parametrize("content", [b"x", b"GIF89a...", b"%PDF-1.4", b"\0" * 100])
def test_other_files_are_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gif").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.gif' is no image .* open it in napari"):
        describe(tmp_path / "a.gif")


def test_an_empty_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.png' is empty \(0 bytes\): copy it again"):
        describe(tmp_path / "a.png")


def test_large_pictures_are_read_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GRAY.size - 1)
    np.testing.assert_array_equal(everything(open_file(tmp_path / "a.png")), GRAY)
    assert not recwarn.list


@pytest.mark.parametrize("bits", [2, 4])
def test_ids_of_few_bits_are_not_stretched(tmp_path: Path, bits: int) -> None:
    ids = np.arange(64).reshape(8, 8) % 2**bits
    packed = np.packbits(np.unpackbits(ids[..., None].astype(np.uint8), -1)[..., -bits:])
    rows = b"".join(b"\0" + row.tobytes() for row in packed.reshape(8, bits))
    header = struct.pack(">IIBBBBB", 8, 8, bits, 0, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows), b"IEND": b""}
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks.items()
        )
    )
    np.testing.assert_array_equal(everything(open_file(tmp_path / "a.png", as_ids=True)), ids)
    stretched = ids * (255 // (2**bits - 1))
    np.testing.assert_array_equal(everything(open_file(tmp_path / "a.png")), stretched)


def test_formats_are_found_in_their_folder() -> None:
    assert {each.title for each in IMAGE_FORMATS} == {
        "TIFF", "PNG, JPEG, BMP", "Zeiss CZI", "Nikon ND2", "Leica LIF",
    }  # fmt: skip


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        describe(tmp_path / "none.png")
    with pytest.raises(InputError, match="is a folder"):
        describe(tmp_path)
