"""Formats of microscope makers, with stand-ins for the libraries that read them.

What the libraries themselves do is theirs to test; that real files are read was tried by hand, see
`docs/reference/images.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask.array
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.io import extras
from napari_synthseg.io.images import leica_lif, nikon_nd2, zeiss_czi
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import StoredArray
from napari_synthseg.storage.images import describe

STARTS = {"czi": b"ZISRAWFILE" + bytes(6), "nd2": b"\xda\xce\xbe\x0a" + bytes(9),
          "lif": b"\x70\0\0\0" + bytes(9)}  # fmt: skip


@pytest.fixture
def file_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], Path]:
    """Write a file of a format, which a stand-in for its library reads."""

    def make(suffix: str, library: object) -> Path:
        for module in (zeiss_czi, nikon_nd2, leica_lif):
            monkeypatch.setattr(module, "import_reader", lambda package, path: library)
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(STARTS[suffix])
        return path

    return make


def everything(stored: StoredArray) -> NDArray[Any]:
    array = stored.read(tuple(slice(0, n) for n in stored.shape))
    assert (array.shape, array.dtype) == (stored.shape, stored.dtype)
    return array


def parts_agree(stored: StoredArray) -> None:
    whole = everything(stored)
    sizes = tuple(zip(stored.axes, stored.shape, strict=True))
    for index in (
        tuple(slice(n // 3, n, 3) if n > 4 else slice(0, n) for _, n in sizes),
        tuple(n // 2 if axis in "tz" else slice(1, n) for axis, n in sizes),
    ):
        np.testing.assert_array_equal(stored.read(index), whole[index])


@pytest.mark.parametrize(
    ("suffix", "package"), [("czi", "czifile"), ("nd2", "nd2"), ("lif", "liffile")]
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, package: str
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(extras, "import_module", absent)
    path = tmp_path / "a.tif"  # the content counts
    path.write_bytes(STARTS[suffix])
    with pytest.raises(InputError, match=rf"'{package}'.*pip install 'napari-synthseg\[formats\]'"):
        describe(path)


@pytest.mark.parametrize("package", ["czifile", "nd2", "liffile"])
@pytest.mark.parametrize("content", [b"", b"\xff" * 300])
def test_damaged_files_are_refused_by_the_real_libraries(
    tmp_path: Path, package: str, content: bytes
) -> None:
    pytest.importorskip(package)
    suffix = {"czifile": "czi", "nd2": "nd2", "liffile": "lif"}[package]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(STARTS[suffix] + content)
    with pytest.raises(InputError, match=rf"a\.{suffix}' .*OME-TIFF"):
        describe(path)


# --- Nikon -----------------------------------------------------------------------------------


def nikon(array: NDArray[Any], axes: str, calibrated: tuple[bool, bool, bool]) -> object:
    file = SimpleNamespace(
        sizes=dict(zip(axes, array.shape, strict=True)),
        dtype=array.dtype,
        voxel_size=lambda: (0.2, 0.2, 0.5),
        metadata=SimpleNamespace(
            channels=[SimpleNamespace(volume=SimpleNamespace(axesCalibrated=calibrated))]
        ),
        to_dask=lambda wrapper: dask.array.from_array(array),
    )
    return SimpleNamespace(ND2File=lambda path: nullcontext(file))


def test_positions_of_nikon_are_images(file_of: Callable[[str, object], Path]) -> None:
    array = np.arange(2 * 3 * 4 * 2 * 10 * 12, dtype=np.uint16).reshape(2, 3, 4, 2, 10, 12)
    path = file_of("nd2", nikon(array, "TPZCYX", (True, True, True)))
    with pytest.raises(InputError, match=r"holds 3 image\(s\) \(0: position 1;.*--series"):
        open_file(path)
    stored = open_file(path, series=1)
    assert stored.axes == "tzcyx"
    assert stored.pixel_size == {"z": 0.5, "y": 0.2, "x": 0.2}
    np.testing.assert_array_equal(everything(stored), array[:, 1])
    parts_agree(stored)
    assert len(describe(path, series="all", stack="volume")) == 3 * 2


def test_colors_of_nikon_and_no_calibration(file_of: Callable[[str, object], Path]) -> None:
    array = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    stored = open_file(file_of("nd2", nikon(array, "YXS", (False, False, False))))
    assert (stored.axes, stored.is_color, dict(stored.pixel_size)) == ("yxc", True, {})
    np.testing.assert_array_equal(everything(stored), array)


# --- Leica -----------------------------------------------------------------------------------


def leica(**images: tuple[str, NDArray[Any]]) -> object:
    made = [
        SimpleNamespace(
            name=name,
            sizes=dict(zip(axes, array.shape, strict=True)),
            dtype=array.dtype,
            coords={a: 1e-6 + 2e-7 * np.arange(n) for a, n in zip(axes, array.shape, strict=True)},
            asarray=lambda out=None, array=array: array,
        )
        for name, (axes, array) in images.items()
    ]
    return SimpleNamespace(LifFile=lambda path: nullcontext(SimpleNamespace(images=made)))


def test_images_of_leica(file_of: Callable[[str, object], Path]) -> None:
    stack = np.arange(3 * 2 * 10 * 12, dtype=np.uint8).reshape(3, 2, 10, 12)
    sweep = np.arange(5 * 10 * 12, dtype=np.uint16).reshape(5, 10, 12)
    path = file_of("lif", leica(stack=("ZCYX", stack), sweep=("λYX", sweep)))
    with pytest.raises(InputError, match=r"0: 'stack', z 3, c 2, y 10, x 12; 1: 'sweep'"):
        open_file(path)
    stored = open_file(path, series=0)
    assert stored.axes == "zcyx"
    assert stored.pixel_size == pytest.approx({"z": 0.2, "y": 0.2, "x": 0.2})
    np.testing.assert_array_equal(everything(stored), stack)
    parts_agree(stored)
    assert open_file(path, series=1).axes == "cyx"


def test_a_section_along_z_can_be_used_as_an_image(file_of: Callable[[str, object], Path]) -> None:
    section = np.arange(2 * 10 * 12, dtype=np.uint8).reshape(2, 10, 12)
    path = file_of("lif", leica(section=("CZX", section)))
    with pytest.raises(InputError, match=r"without y and x\. Name them otherwise with --axes"):
        open_file(path)
    stored = open_file(path, axes="cyx")
    assert stored.pixel_size == pytest.approx({"y": 0.2, "x": 0.2})
    np.testing.assert_array_equal(everything(stored), section)


# --- Zeiss -----------------------------------------------------------------------------------

SCALING = (
    "<ImageDocument><Metadata><Scaling><Items>"
    '<Distance Id="X"><Value>1.5E-07</Value></Distance>'
    '<Distance Id="Y"><Value>2E-07</Value></Distance>'
    '<Distance Id="Z"><Value>0</Value></Distance>'
    "</Items></Scaling></Metadata></ImageDocument>"
)


def zeiss(axes: str, *tiles: tuple[tuple[int, ...], NDArray[Any], int]) -> object:
    """Return a stand-in for czifile; tiles are (start, pixels, compression)."""
    blocks = []
    for position, (start, pixels, compression) in enumerate(tiles):
        colors = pixels.shape[-1]
        entry = SimpleNamespace(
            axes=f"{axes}0", start=(*start, 0), shape=pixels.shape, stored_shape=pixels.shape,
            dtype=f"{colors}u1" if colors > 1 else pixels.dtype.str, file_position=position,
            compression=compression,
        )  # fmt: skip
        bgr = pixels[..., ::-1] if colors == 3 else pixels
        raw = imagecodecs.zstd_encode(bgr.tobytes())
        if compression == 6:
            halves = bgr.reshape(-1, 1).view(np.uint8).T
            raw = b"\x03\x01\x01" + imagecodecs.zstd_encode(np.ascontiguousarray(halves).tobytes())
        data = SimpleNamespace(
            directory_entry=entry,
            data=lambda raw=False, resize=True, pixels=pixels, packed=raw: (
                packed if raw else pixels
            ),
        )
        blocks.append((entry, data))
    file = SimpleNamespace(
        filtered_subblock_directory=[entry for entry, _ in blocks], metadata=lambda: SCALING
    )
    return SimpleNamespace(
        CziFile=lambda path: nullcontext(file),
        Segment=lambda handle, position: SimpleNamespace(data=lambda: blocks[position][1]),
    )


@pytest.mark.parametrize("compression", [0, 5, 6])
def test_a_mosaic_of_zeiss_is_put_together(
    file_of: Callable[[str, object], Path], compression: int
) -> None:
    right = np.arange(2 * 20 * 30, dtype=np.uint16).reshape(2, 20, 30) * 7
    tiles = [
        (
            (0, c, y - 5, x + 100),
            right[c, y : y + 10, x : x + 12][None, None, ..., None],
            compression,
        )
        for c in range(2)
        for y in (0, 10)
        for x in (0, 10, 18)
    ]
    stored = open_file(file_of("czi", zeiss("SCYX", *tiles)))
    assert (stored.axes, stored.shape, stored.whole) == ("cyx", (2, 20, 30), False)
    assert stored.pixel_size == pytest.approx({"y": 0.2, "x": 0.15})
    np.testing.assert_array_equal(everything(stored), right)
    parts_agree(stored)
    part = stored.read((slice(1, 2), slice(3, 17, 2), slice(9, 27, 4)))
    np.testing.assert_array_equal(part, right[1:2, 3:17:2, 9:27:4])


def test_scenes_of_zeiss_are_images(file_of: Callable[[str, object], Path]) -> None:
    first = np.full((1, 10, 12, 1), 3, np.uint8)
    second = np.full((1, 8, 9, 1), 5, np.uint8)
    library = zeiss("SYX", ((0, 0, 0), first, 0), ((2, 500, 9000), second, 0))
    path = file_of("czi", library)
    with pytest.raises(InputError, match=r"0: y 10, x 12; 1: y 8, x 9"):
        open_file(path)
    np.testing.assert_array_equal(everything(open_file(path, series=1)), second[0, ..., 0])


@pytest.mark.parametrize("compression", [0, 5])
def test_colors_of_zeiss(file_of: Callable[[str, object], Path], compression: int) -> None:
    colors = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    stored = open_file(file_of("czi", zeiss("YX", ((0, 0), colors, compression))))
    assert (stored.axes, stored.is_color) == ("yxc", True)
    np.testing.assert_array_equal(everything(stored), colors)
    parts_agree(stored)


def test_phases_of_zeiss_are_no_axis(file_of: Callable[[str, object], Path]) -> None:
    phases = np.zeros((4, 10, 12, 1), np.uint8)
    with pytest.raises(InputError, match="has an axis 'h'"):
        open_file(file_of("czi", zeiss("HYX", ((0, 0, 0), phases, 0))))
