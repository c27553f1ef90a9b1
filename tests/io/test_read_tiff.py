from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images import tiff
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import StoredArray
from napari_synthseg.storage.images import describe, open_pixels


def ramp(*shape: int, dtype: Any = np.uint16) -> NDArray[Any]:
    return (np.arange(np.prod(shape)) % 251).astype(dtype).reshape(shape)


def everything(stored: StoredArray) -> NDArray[Any]:
    return stored.read(tuple(slice(0, n) for n in stored.shape))


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((40, 50), {}, "yx"),
        ((1, 40, 50), {}, "yx"),
        ((40, 50, 3), {"photometric": "rgb"}, "yxc"),
        ((3, 40, 50), {"photometric": "rgb", "planarconfig": "separate"}, "cyx"),
        ((40, 50, 2), {"planarconfig": "contig"}, "yxc"),
        ((7, 40, 50), {"photometric": "minisblack"}, "zyx"),
        ((5, 2, 40, 50), {"photometric": "minisblack"}, "tzyx"),
        ((2, 40, 50), {"imagej": True, "metadata": {"axes": "CYX"}}, "cyx"),
        ((4, 2, 40, 50), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "zcyx"),
        ((2, 4, 40, 50), {"ome": True, "metadata": {"axes": "CZYX"}}, "czyx"),
        ((2, 3, 2, 40, 50), {"ome": True, "metadata": {"axes": "TCZYX"}}, "tczyx"),
    ],
)
@pytest.mark.parametrize("layout", ["plain", "strips", "tiles"])
def test_axes_and_values(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], axes: str, layout: str
) -> None:
    layouts: dict[str, dict[str, Any]] = {
        "plain": {},
        "strips": {"compression": "zlib", "rowsperstrip": 8},
        "tiles": {"compression": "zlib", "tile": (16, 16)},
    }
    dtype = np.uint8 if options.get("photometric") == "rgb" else np.uint16
    image = ramp(*shape, dtype=dtype)
    path = tmp_path / "a.tif"
    more = {} if options.get("imagej") else layouts[layout]
    tifffile.imwrite(path, image, **options, **more)
    stored = open_file(path)
    assert stored.axes == axes
    assert stored.is_color == (options.get("photometric") == "rgb")
    assert not stored.whole
    np.testing.assert_array_equal(everything(stored), image.reshape(stored.shape))
    y, x = axes.index("y"), axes.index("x")
    index: list[int | slice] = [slice(0, n) for n in stored.shape]
    index[y], index[x] = slice(3, 38, 5), slice(17, 33)
    np.testing.assert_array_equal(
        stored.read(tuple(index)), image.reshape(stored.shape)[tuple(index)]
    )


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_types_and_byte_orders(tmp_path: Path, dtype: str, order: Literal["<", ">"]) -> None:
    image = ramp(20, 30, dtype=np.uint8).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, byteorder=order, photometric="minisblack")
    stored = open_file(tmp_path / "a.tif")
    assert stored.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(everything(stored), image)
    assert open_pixels(describe(tmp_path / "a.tif")[0], tmp_path).read().dtype == np.float32


def test_one_large_strip_is_decoded_whole_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = ramp(64, 48)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, compression="zlib", rowsperstrip=64)
    assert open_file(path).whole
    calls: list[object] = []
    original = tiff._read_part

    def counted(*args: Any) -> Any:
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(tiff, "_read_part", counted)
    pixels = open_pixels(describe(path)[0], tmp_path)
    top, bottom = pixels.read(((0, 32), (0, 48))), pixels.read(((32, 64), (0, 48)))
    np.testing.assert_array_equal(np.concatenate([top, bottom], axis=1), pixels.read())
    assert len(calls) == 1


def test_alpha_is_dropped(tmp_path: Path) -> None:
    image = ramp(20, 30, 4, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=["unassalpha"])
    stored = open_file(tmp_path / "a.tif")
    assert stored.shape == (20, 30, 3)
    np.testing.assert_array_equal(everything(stored), image[..., :3])


def test_pyramids_are_read_at_full_resolution(tmp_path: Path) -> None:
    image = ramp(128, 128)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(image, subifds=1, tile=(32, 32))
        writer.write(image[::2, ::2], subfiletype=1, tile=(32, 32))
    np.testing.assert_array_equal(everything(open_file(tmp_path / "a.ome.tif")), image)


def test_a_preview_beside_the_image_is_passed_over(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(ramp(8, 8))
        writer.write(ramp(64, 64))
    assert open_file(tmp_path / "a.tif").shape == (64, 64)


def test_several_images_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(ramp(64, 60))
        writer.write(ramp(64, 64))
    with pytest.raises(InputError, match=r"a\.tif' holds 2 image.*0: YX 64 x 60.*--series"):
        describe(tmp_path / "a.tif")


def test_channels_of_colors_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(2, 20, 30, 3, dtype=np.uint8), imagej=True,
                     metadata={"axes": "CYXS"})  # fmt: skip
    with pytest.raises(InputError, match="both channels and colors"):
        describe(tmp_path / "a.tif")


# --- pixel sizes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "size"),
    [("um", 0.2), ("micron", 0.2), ("\\u00B5m", 0.2), ("nm", 0.0002), ("pixel", None), ("", None)],
)
def test_pixel_size_of_imagej(tmp_path: Path, unit: str, size: float | None) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        ramp(3, 20, 30),
        imagej=True,
        resolution=(5, 5),
        metadata={"axes": "ZYX", "unit": unit, "spacing": 2.0},
    )
    ref = describe(tmp_path / "a.tif")[0]
    if size is None:
        assert (ref.pixel_size, ref.unit) == (None, "px")
    else:
        assert ref.pixel_size == pytest.approx((size, size))
        assert ref.unit == "um"


def test_pixel_size_of_ome(tmp_path: Path) -> None:
    size = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
    tifffile.imwrite(
        tmp_path / "a.ome.tif", ramp(2, 20, 30), metadata={"axes": "CYX", **size}, ome=True
    )
    (ref,) = describe(tmp_path / "a.ome.tif")
    assert ref.pixel_size == pytest.approx((0.5, 0.25))
    assert (ref.unit, ref.axes) == ("um", "cyx")


def test_dots_per_inch_are_no_pixel_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(20, 30), resolution=(72, 72), resolutionunit=2)
    assert describe(tmp_path / "a.tif")[0].pixel_size is None


# --- refs ------------------------------------------------------------------------------------


def test_a_stack_gives_a_ref_for_each_plane(tmp_path: Path) -> None:
    image = ramp(2, 3, 2, 20, 30)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": "TZCYX"}, ome=True)
    refs = describe(tmp_path / "a.ome.tif")
    assert [r.plane for r in refs] == [{"t": t, "z": z} for t in range(2) for z in range(3)]
    assert len({r.id for r in refs}) == 6
    assert len({r.uri for r in refs}) == len({r.group for r in refs}) == 1
    assert all(r.ndim == 2 and r.name == "a.ome.tif" and r.fingerprint for r in refs)
    pixels = open_pixels(refs[4], tmp_path)
    assert pixels.shape == (2, 20, 30)
    np.testing.assert_array_equal(_restored(pixels), image[1, 1])


def test_axes_can_be_told(tmp_path: Path) -> None:
    image = ramp(4, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    assert len(describe(tmp_path / "a.tif")) == 4
    (ref,) = describe(tmp_path / "a.tif", axes="cyx")
    pixels = open_pixels(ref, tmp_path)
    assert pixels.shape == (4, 20, 30)
    np.testing.assert_array_equal(_restored(pixels), image)
    for wrong in ("yx", "qyx", "yyx", "tzc"):
        with pytest.raises(InputError, match=r"a\.tif"):
            describe(tmp_path / "a.tif", axes=wrong)


def _restored(pixels: Any) -> NDArray[Any]:
    return np.round(pixels.intensity.restore(pixels.read())).astype(int)


# --- damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (32, 32)}])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
def test_a_file_cut_short_is_refused(tmp_path: Path, options: dict[str, Any], kept: float) -> None:
    path = tmp_path / "a.tif"
    noise = np.random.default_rng(0).integers(0, 60_000, (96, 96), dtype=np.uint16)
    tifffile.imwrite(path, noise, **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(InputError, match=r"a\.tif"):
        describe(path)


def test_a_compression_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp(64, 64), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["Compression"].overwrite(tifffile.COMPRESSION.CCITTFAX4 + 1)
    with pytest.raises(InputError, match=r"a\.tif' cannot be read as a TIFF image: "):
        open_pixels(describe(path)[0], tmp_path).read()


def test_a_claim_of_absurd_size_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, ramp(64, 64), compression="zlib", rowsperstrip=64)
    content = bytearray(path.read_bytes())
    for tag in (256, 257, 278):  # width, length, rows per strip
        entry = content.index(struct.pack("<H", tag), content.index(b"II*\0") + 8)
        content[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, 1_000_000)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bomb\.tif' would need .* GB"):
        describe(path)
