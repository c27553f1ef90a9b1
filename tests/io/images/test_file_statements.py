"""What a file says of its own numbers holds: palettes, white as zero, alpha, orientation, fill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageOps

from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import StoredArray
from napari_synthseg.io.images.tables import table_kind

GRAY = (np.arange(40 * 50) % 251).astype(np.uint8).reshape(40, 50)
RAMP = np.arange(256, dtype=np.uint8)


def everything(stored: StoredArray) -> NDArray[Any]:
    array = stored.read(tuple(slice(0, n) for n in stored.shape))
    assert (array.shape, array.dtype) == (stored.shape, stored.dtype)
    return array


def parts_agree(stored: StoredArray) -> None:
    index = tuple(slice(1, n, 3) if n > 4 else slice(0, n) for n in stored.shape)
    np.testing.assert_array_equal(stored.read(index), everything(stored)[index])


# --- white as zero ---------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [{}, {"compression": "zlib", "tile": (16, 16)}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_as_zero_is_turned_round(tmp_path: Path, dtype: type, layout: dict[str, Any]) -> None:
    image = GRAY.astype(dtype) * (1 if dtype == np.uint8 else 257)
    stored = np.iinfo(dtype).max - image
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", **layout)
    opened = open_file(tmp_path / "a.tif")
    np.testing.assert_array_equal(everything(opened), image)
    parts_agree(opened)
    assert opened.notes == ("white is zero in it: it is turned round, so that bright is high",)


def test_ids_under_an_inverting_table_stay_ids(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GRAY % 5, photometric="miniswhite")
    np.testing.assert_array_equal(everything(open_file(tmp_path / "a.tif", as_ids=True)), GRAY % 5)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("as_ids", [False, True])
def test_masks_of_one_bit_are_the_right_way_round(
    tmp_path: Path, photometric: int, as_ids: bool
) -> None:
    mask = GRAY > 125
    Image.fromarray(mask).save(
        tmp_path / "a.tif", compression="group4", tiffinfo={262: photometric}
    )
    np.testing.assert_array_equal(everything(open_file(tmp_path / "a.tif", as_ids=as_ids)), mask)


# --- color tables ----------------------------------------------------------------------------


def table(name: str) -> NDArray[np.uint8]:
    """Return a table of 256 colors, as programs write them."""
    shuffled = np.random.default_rng(0).permuted(np.tile(RAMP[:, None], 3), axis=0)
    light = RAMP.astype(int)
    scale = np.stack([np.minimum(light * 2, 255), np.maximum(light - 128, 0) * 2, 255 - light], -1)
    lines = np.tile(RAMP[:, None], 3)
    lines[9:250:9] = shuffled[9:250:9]
    few = np.zeros((256, 3), np.uint8)
    few[:4] = [(0, 0, 0), (255, 0, 0), (0, 200, 0), (9, 8, 7)]
    found = {
        "gray": np.tile(RAMP[:, None], 3), "fire": scale, "ids": shuffled, "few": few,
        "drawn on": lines, "inverted": np.tile(RAMP[::-1, None], 3),
    }[name]  # fmt: skip
    return found.astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gray", "gray"), ("inverted", "gray"), ("fire", "scale"), ("drawn on", "scale"),
        ("ids", "colors"), ("few", "colors"),
    ],
)  # fmt: skip
def test_what_a_table_is_for(name: str, kind: str) -> None:
    assert table_kind(table(name)) == kind


@pytest.mark.parametrize("suffix", ["tif", "png"])
@pytest.mark.parametrize("name", ["gray", "inverted", "fire", "ids", "few"])
def test_a_table_gives_colors_or_gray_values(tmp_path: Path, name: str, suffix: str) -> None:
    path, colors, indices = (
        tmp_path / f"a.{suffix}",
        table(name),
        GRAY % (4 if name == "few" else 251),
    )
    if suffix == "tif":
        tifffile.imwrite(path, indices, photometric="palette", colormap=colors.T.astype("u2") * 257)
    else:
        image = Image.fromarray(indices, "P")
        image.putpalette(colors.tobytes())
        image.save(path)
    expected = {
        "gray": indices, "fire": indices, "inverted": 255 - indices,
    }.get(name, colors[indices])  # fmt: skip
    opened = open_file(path)
    assert opened.is_color == (expected.ndim == 3)
    np.testing.assert_array_equal(everything(opened), expected)
    parts_agree(opened)
    np.testing.assert_array_equal(everything(open_file(path, as_ids=True)), indices)


def test_a_stack_of_palette_pages_has_colors_last(tmp_path: Path) -> None:
    stack = np.stack([GRAY % 4, (GRAY + 1) % 4, (GRAY + 2) % 4])
    tifffile.imwrite(
        tmp_path / "a.tif", stack, photometric="palette", colormap=table("few").T.astype("u2") * 257
    )
    opened = open_file(tmp_path / "a.tif")
    assert opened.axes == "zyxc"
    np.testing.assert_array_equal(everything(opened), table("few")[stack])
    np.testing.assert_array_equal(
        opened.read((1, slice(0, 9), slice(2, 8), slice(0, 2))),
        table("few")[stack[1, :9, 2:8]][..., :2],
    )


def test_imagej_shows_gray_values_in_color(tmp_path: Path) -> None:
    colors = table("ids").T.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", GRAY, imagej=True, photometric="palette", colormap=colors)
    opened = open_file(tmp_path / "a.tif")
    assert opened.axes == "yx"
    np.testing.assert_array_equal(everything(opened), GRAY)


# --- sixteen bits, alpha, inks ---------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_of_colors_are_all_kept(tmp_path: Path, channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 2**16, (20, 30, channels), np.uint16)
    squeezed = np.ascontiguousarray(image[..., 0] if channels == 1 else image)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(squeezed))
    opened = open_file(tmp_path / "a.png")
    expected = image[..., :3] if channels > 2 else image[..., 0]
    assert opened.is_color == (channels > 2)
    np.testing.assert_array_equal(everything(opened), expected)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(("channels", "photometric"), [(1, "minisblack"), (3, "rgb")])
def test_alpha_is_no_channel(tmp_path: Path, channels: int, photometric: str, planar: str) -> None:
    image = np.random.default_rng(0).integers(0, 2**16, (32, 48, channels + 1), np.uint16)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric=photometric, planarconfig=planar,
        extrasamples=["unassalpha"],
    )  # fmt: skip
    opened = open_file(tmp_path / "a.tif")
    assert opened.size("c") == channels
    expected = stored[..., :channels] if planar == "contig" else stored[:channels]
    np.testing.assert_array_equal(everything(opened), expected.squeeze())
    parts_agree(opened)


def test_more_samples_than_colors_are_told(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 5), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", image, photometric="rgb", extrasamples=["unspecified", "unspecified"]
    )
    opened = open_file(tmp_path / "a.tif")
    assert opened.shape == (20, 30, 3)
    assert opened.notes == ("2 more sample(s) of each pixel beside its colors are left out",)


def test_inks_become_colors(tmp_path: Path) -> None:
    inks = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    opened = open_file(tmp_path / "a.tif")
    right = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB")).astype(int)
    assert opened.is_color
    assert np.abs(everything(opened).astype(int) - right).max() <= 1
    parts_agree(opened)


# --- orientation -----------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.stack([GRAY, GRAY // 2, 255 - GRAY], -1)).save(path, exif=exif)
    with Image.open(path) as image:
        right = np.asarray(ImageOps.exif_transpose(image))
    opened = open_file(path)
    np.testing.assert_array_equal(everything(opened), right)
    parts_agree(opened)
    assert bool(opened.notes) == (orientation != 1)


def test_a_turned_tiff_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GRAY, extratags=[(274, 3, 1, 6, True)])
    opened = open_file(tmp_path / "a.tif")
    assert opened.notes == (
        "its orientation tag (6) is not followed, as in Fiji, QuPath and napari",
    )
    assert opened.shape == GRAY.shape


# --- fill ------------------------------------------------------------------------------------


def test_the_fill_value_of_a_tiff_is_known(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", GRAY.astype(np.float32), extratags=[(42113, 2, 0, "-9999", True)]
    )
    assert open_file(tmp_path / "a.tif").fill == -9999
    tifffile.imwrite(tmp_path / "b.tif", GRAY)
    assert open_file(tmp_path / "b.tif").fill is None


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 256), st.just(3))))
def test_any_table_is_for_something(colors: NDArray[np.uint8]) -> None:
    assert table_kind(colors) in ("gray", "scale", "colors")
