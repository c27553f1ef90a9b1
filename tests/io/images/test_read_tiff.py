from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import StoredArray
from napari_synthseg.io.images.tiff import reading as tiff
from napari_synthseg.storage.images import describe, look_into, open_pixels


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


def test_pixel_size_of_each_image_of_ome(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for number, size in enumerate((0.1, 0.5)):
            sizes = {"PhysicalSizeX": size, "PhysicalSizeY": size}
            writer.write(ramp(20, 30) + number, metadata={"axes": "YX", **sizes})
    refs = describe(path, series="all")
    assert [ref.pixel_size for ref in refs] == [(0.1, 0.1), (0.5, 0.5)]
    assert open_file(path, series=1).pixel_size == {"y": 0.5, "x": 0.5}


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


# --- headers that say the size of a pixel ------------------------------------------------------


FEI = """[Scan]\r\nPixelWidth=2.5e-009\r\nPixelHeight=2.5e-009\r\n[Image]\r\nResolutionX=64\r
ResolutionY=48\r\n"""
FEI_FIELD = (
    "[IBeam]\r\nHFW=3.2e-006\r\nVFW=2.4e-006\r\n[Image]\r\nResolutionX=64\r\nResolutionY=48\r\n"
)
ZEISS = "0\r\n0\r\n0\r\n2e-9\r\n7\r\nDP_IMAGE_STORE\r\nStore resolution = 64 * 48\r\n"
ZEISS_NAMED = ZEISS + "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 3.5 nm\r\n"


@pytest.mark.parametrize(
    ("tags", "size", "rows"),
    [
        ([(34682, 2, 0, FEI, True)], (0.0025, 0.0025), 48),
        ([(34682, 2, 0, FEI_FIELD, True)], (0.05, 0.05), 48),
        ([(34118, 2, 0, ZEISS, True)], (0.032, 0.032), 48),
        ([(34118, 2, 0, ZEISS_NAMED, True)], (0.0035, 0.0035), 48),
        (
            [
                (65003, 2, 0, b"\xb5m\0", True), (65004, 2, 0, "nm", True),
                (65009, 12, 1, 0.5, True), (65010, 12, 1, 250.0, True),
            ],
            (0.25, 0.5), None,
        ),
    ],
    ids=["FEI", "FEI, field of view", "Zeiss", "Zeiss, named", "Gatan"],
)  # fmt: skip
def test_pixel_size_of_electron_microscopes(
    tmp_path: Path, tags: list[Any], size: tuple[float, float], rows: int | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp(56, 64), extratags=tags, metadata=None, resolution=(72, 72),
                     resolutionunit="inch")  # fmt: skip
    stored = open_file(path)
    assert (stored.pixel_size["y"], stored.pixel_size["x"]) == pytest.approx(size)
    assert (stored.unit, stored.image_rows, stored.notes) == ("um", rows, ())
    (ref,) = describe(path)
    assert ref.pixel_size == pytest.approx(size)


def test_pixel_size_of_a_slide(tmp_path: Path) -> None:
    words = "Aperio Image Library v11\r\n64x56 (256x256) J2K|AppMag = 40|MPP = 0.2522"
    tifffile.imwrite(
        tmp_path / "a.svs", ramp(56, 64, 3, dtype=np.uint8), photometric="rgb",
        description=words, metadata=None,
    )  # fmt: skip
    assert open_file(tmp_path / "a.svs").pixel_size == pytest.approx({"y": 0.2522, "x": 0.2522})


def test_a_header_that_cannot_be_understood_does_no_harm(tmp_path: Path) -> None:
    tags = [(34682, 2, 0, "[Scan]\r\nPixelWidth=wide\r\n[Image]\r\nResolutionY=\r\n", True)]
    tifffile.imwrite(tmp_path / "a.tif", ramp(56, 64), extratags=tags, metadata=None)
    stored = open_file(tmp_path / "a.tif")
    assert (dict(stored.pixel_size), stored.image_rows) == ({}, None)


@pytest.mark.parametrize(
    ("unit", "resolution", "size", "told"),
    [
        ("centimeter", (20_000, 40_000), (0.25, 0.5), ""),
        ("inch", (25_400, 25_400), (1.0, 1.0), ""),
        ("inch", (1200, 1200), (21.1667, 21.1667), ""),
        ("inch", (72, 72), None, "72 dots per inch are a print resolution"),
        ("centimeter", (118.11, 118.11), None, "300 dots per inch are a print resolution"),
        ("none", (5, 5), None, ""),
    ],
)
def test_pixel_size_of_the_resolution_tags(
    tmp_path: Path, unit: str, resolution: tuple[float, float], size: Any, told: str
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp(20, 30), resolution=resolution, resolutionunit=unit)
    stored = open_file(path)
    assert told in "".join(stored.notes)
    assert bool(told) == bool(stored.notes)
    if size is None:
        assert not stored.pixel_size
    else:
        y_size, x_size = stored.pixel_size["y"], stored.pixel_size["x"]
        assert (y_size, x_size) == pytest.approx(size, rel=1e-4)


def test_imagej_files_in_inches(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        ramp(20, 30),
        imagej=True,
        resolution=(2540, 2540),
        resolutionunit="inch",
    )
    assert open_file(tmp_path / "a.tif").pixel_size == pytest.approx({"y": 10.0, "x": 10.0})


def test_an_unknown_unit_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        ramp(20, 30),
        imagej=True,
        resolution=(2, 2),
        metadata={"unit": "furlong"},
    )
    stored = open_file(tmp_path / "a.tif")
    assert not stored.pixel_size
    assert stored.notes == (
        "its pixel size along y, x is in 'furlong', which is no known length, and is left out",
    )


def test_where_only_z_is_missing_y_and_x_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    sizes = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.4}
    tifffile.imwrite(path, ramp(9, 20, 30), ome=True, metadata={"axes": "ZYX", **sizes})
    found = look_into(path, stack="volume")
    assert found.images[0].pixel_size == (0.2, 0.4, 0.2)
    assert "does not say how far its planes are apart" in found.notes[0]
    flat = look_into(path, stack="planes")
    assert (flat.images[0].pixel_size, flat.notes) == ((0.4, 0.2), ())


# --- parts that are missing -----------------------------------------------------------------


def write_parts(folder: Path) -> tuple[Path, Path]:
    """Write an OME-TIFF of two files, a channel in each."""
    paths = folder / "c0.ome.tif", folder / "c1.ome.tif"
    uuids = [f"urn:uuid:0000000{n}-0000-4000-8000-000000000000" for n in range(2)]
    for number, path in enumerate(paths):
        data = "".join(
            f'<TiffData FirstC="{n}" IFD="0" PlaneCount="1">'
            f'<UUID FileName="{other.name}">{uuid}</UUID></TiffData>'
            for n, (other, uuid) in enumerate(zip(paths, uuids, strict=True))
        )
        words = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/'
            f'Schemas/OME/2016-06" UUID="{uuids[number]}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" '
            'SizeY="20" SizeC="2" SizeZ="1" '
            'SizeT="1"><Channel ID="Channel:0"/><Channel ID="Channel:1"/>'
            f"{data}</Pixels></Image></OME>"
        )
        tifffile.imwrite(path, ramp(20, 30) + 100 * number, description=words, metadata=None)
    return paths


def test_an_image_in_several_files(tmp_path: Path) -> None:
    first, second = write_parts(tmp_path)
    stored = open_file(first)
    assert (stored.axes, stored.shape) == ("cyx", (2, 20, 30))
    np.testing.assert_array_equal(everything(stored), np.stack([ramp(20, 30), ramp(20, 30) + 100]))
    second.unlink()
    with pytest.raises(
        InputError, match=r"c0\.ome\.tif' is one file of several, and 'c1\.ome\.tif'"
    ):
        open_file(first)


def test_planes_that_are_named_but_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, ramp(3, 20, 30), ome=True, metadata={"axes": "ZYX"})
    content = (
        path.read_bytes()
        .replace(b'SizeZ="3"', b'SizeZ="5"')
        .replace(b'PlaneCount="3"', b'PlaneCount="5"')
    )
    path.write_bytes(content)
    with pytest.raises(InputError, match="lacks 2 of 5 planes"):
        open_file(path)


def test_a_renamed_file_is_not_one_of_several(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, ramp(3, 20, 30), ome=True, metadata={"axes": "ZYX"})
    assert open_file(path.rename(tmp_path / "b.ome.tif")).shape == (3, 20, 30)


@pytest.mark.parametrize("name", ["../out.tif", "/etc/passwd", "a\\\\b.tif"])
def test_a_part_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    first, _ = write_parts(tmp_path)
    content = first.read_bytes().decode("latin-1")
    words = content[content.index("<?xml") : content.index("</OME>") + 6]
    changed = words.replace('FileName="c1.ome.tif"', f'FileName="{name}"')
    tifffile.imwrite(first, ramp(20, 30), description=changed, metadata=None)
    with pytest.raises(InputError, match="lies outside its folder"):
        open_file(first)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    first, _ = write_parts(tmp_path)
    content = first.read_bytes().decode("latin-1")
    words = content[content.index("<?xml") : content.index("</OME>") + 6]
    changed = words.replace("<OME", '<!DOCTYPE OME [<!ENTITY a "b">]><OME', 1)
    tifffile.imwrite(first, ramp(20, 30), description=changed, metadata=None)
    with pytest.raises(InputError, match="entities"):
        open_file(first)


# --- several images, and axes that may be taken otherwise -----------------------------------


def test_one_of_several_images(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    images = [ramp(64, 60), ramp(64, 64) + 7]
    with tifffile.TiffWriter(path) as writer:
        for image in images:
            writer.write(image)
    for number, image in enumerate(images):
        np.testing.assert_array_equal(everything(open_file(path, series=number)), image)
        (ref,) = describe(path, series=number)
        assert ref.plane == {"s": number}
        low, high = np.percentile(image, (1, 99.8))
        np.testing.assert_allclose(
            open_pixels(ref, tmp_path).read()[0], (image - low) / (high - low), atol=1e-5
        )
    assert [ref.plane["s"] for ref in describe(path, series="all")] == [0, 1]
    with pytest.raises(InputError, match=r"has no image 2, it holds 2 image"):
        open_file(path, series=2)


def test_smaller_images_are_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(ramp(8, 8))
        writer.write(ramp(64, 64))
    (note,) = open_file(tmp_path / "a.tif").notes
    assert note.startswith("1 smaller image(s)")
    chosen = open_file(tmp_path / "a.tif", series=0)
    assert (chosen.shape, chosen.notes) == ((8, 8), ())
    assert open_file(tmp_path / "a.tif", series=1).notes == ()  # it alone was asked for


def test_axes_are_told_and_may_be_named_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp(5, 20, 30), photometric="minisblack", metadata=None)
    assert look_into(path).axes == (
        "5 planes along z (a guess: the file does not name this axis): each an image of its own"
    )
    named = look_into(path, axes="tyx")
    assert named.axes == "5 frames over time: each an image of its own"
    assert [ref.plane for ref in named.images] == [{"t": n} for n in range(5)]
    channels = look_into(path, axes="cyx")
    assert (len(channels.images), channels.axes) == (1, "")  # so the user says
    assert open_pixels(channels.images[0], tmp_path).shape == (5, 20, 30)
    one = look_into(path, axes="tyx", plane={"t": 3})
    assert [ref.plane for ref in one.images] == [{"t": 3}]
    assert one.axes == "5 frames over time: only frame 3 is taken"
    assert look_into(path, stack="volume").axes.endswith("one volume")
    for wrong, message in (({"t": 5}, "no plane t=5"), ({"z": 0}, "no plane z=0")):
        with pytest.raises(InputError, match=message):
            look_into(path, axes="tyx", plane=wrong)
    with pytest.raises(InputError, match="axes 'yx' do not fit"):
        look_into(path, axes="yx")
