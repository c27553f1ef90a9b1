"""Which value is a fill is told from what an image otherwise looks like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_synthseg.io.images.fill import find_fill
from napari_synthseg.storage.images import describe, open_pixels

SHAPE = (192, 256)


def cells(seed: int = 0) -> NDArray[np.float64]:
    """Return bright disks on a noisy ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = rng.normal(300, 30, SHAPE)
    for cy, cx in rng.uniform(0, SHAPE, (20, 2)):
        image += 900 * np.exp(-(((y - cy) ** 2 + (x - cx) ** 2) / 100))
    return image


def turned() -> NDArray[np.bool_]:
    """Return where a mosaic that is turned by 24 degrees lies."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array(SHAPE)[:, None, None] / 2
    a = np.deg2rad(24)
    along, across = x * np.cos(a) + y * np.sin(a), y * np.cos(a) - x * np.sin(a)
    return (abs(along) < 95) & (abs(across) < 60)


def edged() -> NDArray[np.bool_]:
    """Return an image that was shifted by eight columns."""
    inside = np.ones(SHAPE, np.bool_)
    inside[:, :8] = False
    return inside


@pytest.mark.parametrize("inside", [turned(), edged()], ids=["turned", "edge"])
@pytest.mark.parametrize("fill", [0, -1, -9999, -32768, 65535, 1e20])
def test_a_frame_of_one_value_is_a_fill(fill: float, inside: NDArray[np.bool_]) -> None:
    assert find_fill(np.where(inside, cells(), fill)[None]) == fill


@pytest.mark.parametrize("fill", [0, 255])
def test_of_colors_a_pixel_is_filled_where_all_are(fill: int) -> None:
    gray = np.clip(cells() / 8, 20, 200)
    image = np.stack([gray, gray * 0.8, gray * 0.5]).astype(np.uint8)
    image[:, ~turned()] = fill
    assert find_fill(image) == fill


def test_a_volume_with_shifted_planes_has_a_fill() -> None:
    volume = np.stack([cells(n) for n in range(12)])
    for n, plane in enumerate(volume):
        plane[: 4 + n] = 0
    assert find_fill(volume[None]) == 0


def ordinary() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disks = np.zeros(SHAPE)
    for cy, cx in rng.uniform(20, np.array(SHAPE) - 20, (12, 2)):
        disks[(y - cy) ** 2 + (x - cx) ** 2 < 150] = 200 + rng.normal(0, 20)
    embryo = np.where((y - 96) ** 2 + (x - 128) ** 2 < 400, cells(), 0)
    return {
        "plain": cells(),
        "clipped at black": np.maximum(cells() - 320, 0),
        "saturated": np.minimum(cells(), 700),
        "cells cut out on black": np.where(disks > 0, disks + rng.normal(0, 5, SHAPE), 0),
        "drawn": disks,
        "one small object cut out on black": embryo,
        "dark hole inside": np.where((y - 96) ** 2 + (x - 128) ** 2 < 900, 0, cells()),
        "flat": np.full(SHAPE, 7.0),
        "two values": (cells() > 400) * 255.0,
        "dead pixels": np.where(rng.random(SHAPE) < 0.02, 0, cells()),
    }


@pytest.mark.parametrize("name", list(ordinary()))
@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.uint8])
def test_an_ordinary_image_has_none(name: str, dtype: type) -> None:
    image = ordinary()[name] / (8 if dtype == np.uint8 else 1)
    assert find_fill(np.clip(image, 0, 60_000).astype(dtype)[None]) is None


@pytest.mark.parametrize("fill", [0.0, -9999.0, np.nan])
def test_a_fill_moves_no_percentile_and_reads_as_zero(tmp_path: Path, fill: float) -> None:
    image, inside = cells(), turned()
    tifffile.imwrite(tmp_path / "a.tif", np.where(inside, image, fill).astype(np.float32))
    pixels = open_pixels(describe(tmp_path / "a.tif")[0], tmp_path)
    low, high = np.percentile(image[inside].astype(np.float32), (1, 99.8))
    read = pixels.read()[0]
    np.testing.assert_allclose(read[inside], (image[inside] - low) / (high - low), atol=1e-4)
    assert not read[~inside].any()
    found = pixels.examine()
    assert found.missing == pytest.approx((~inside).mean(), abs=1e-6)
    assert found.fill == (None if np.isnan(fill) else fill)


def test_a_declared_fill_counts_whatever_it_looks_like(tmp_path: Path) -> None:
    image = cells().astype(np.float32)
    holes = np.random.default_rng(0).random(SHAPE) < 0.3
    image[holes] = -1
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=[(42113, 2, 0, "-1", True)])
    pixels = open_pixels(describe(tmp_path / "a.tif")[0], tmp_path)
    assert pixels.intensity.low[0] == pytest.approx(np.percentile(image[~holes], 1), rel=1e-6)
    assert not pixels.read()[0][holes].any()
