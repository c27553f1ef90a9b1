from __future__ import annotations

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import Intensity
from napari_synthseg.core.progress import exhaust
from napari_synthseg.io.images import normalized, stored_array
from napari_synthseg.io.images.normalized import NormalizedImage
from napari_synthseg.io.images.stored_array import Index, StoredArray
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.images import describe, open_pixels
from tests.helpers.clicked_discs import finish
from tests.helpers.zarr_images import write_ome_zarr


def kept(folder: Path, image: NDArray, axes: str, **fields: object) -> ImageRef:
    ident = f"a{len(list(folder.glob('arrays.zarr/*')))}"
    uri = save_array(image, axes, folder, ident)
    return ImageRef(id=ident, uri=uri, axes=axes, name="the image", **fields)


def opened(ref: ImageRef, folder: Path) -> NormalizedImage:
    """Open an image whose pixels are normalized."""
    pixels = open_pixels(ref, folder)
    assert isinstance(pixels, NormalizedImage)
    return pixels


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


# --- intensity -------------------------------------------------------------------------------


def test_percentiles_map_to_zero_and_one(tmp_path: Path) -> None:
    image = noise(60, 70)
    read = open_pixels(kept(tmp_path, image, "yx"), tmp_path).read()
    low, high = np.percentile(image, (1, 99.8))
    np.testing.assert_allclose(read[0], (image - low) / (high - low), atol=1e-5)
    assert read.min() < 0 < 1 < read.max()  # kept, not clipped


def test_only_the_regions_pixels_count(tmp_path: Path) -> None:
    image = noise(60, 70)
    region = ((10, 40), (5, 65))
    ref = kept(tmp_path, image, "yx", region=region)
    inside = open_pixels(ref, tmp_path).read()
    changed = np.full_like(image, 1e6)
    changed[10:40, 5:65] = image[10:40, 5:65]
    again = kept(tmp_path, changed, "yx", region=region)
    np.testing.assert_array_equal(open_pixels(again, tmp_path).read(), inside)


def test_colors_share_one_map_and_channels_do_not(tmp_path: Path) -> None:
    image = np.stack(
        [noise(40, 50), 3 * noise(40, 50, seed=1), 10 + noise(40, 50, seed=2)], axis=-1
    )
    color = open_pixels(kept(tmp_path, image.astype(np.uint8), "yxc"), tmp_path).read()
    low, high = np.percentile(image.astype(np.uint8), (1, 99.8))
    expected = (image.astype(np.uint8).astype(float) - low) / (high - low)
    np.testing.assert_allclose(color, expected.transpose(2, 0, 1), atol=1e-5)
    channels = open_pixels(kept(tmp_path, image.transpose(2, 0, 1), "cyx"), tmp_path).read()
    for channel, stored_channel in zip(channels, image.transpose(2, 0, 1), strict=True):
        low, high = np.percentile(stored_channel, (1, 99.8))
        np.testing.assert_allclose(channel, (stored_channel - low) / (high - low), atol=1e-5)


def test_alpha_of_a_color_layer_is_dropped(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    assert open_pixels(kept(tmp_path, image, "yxc"), tmp_path).shape == (3, 20, 30)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.uint8, 0, 255),
        (np.int8, -128, 127),
        (np.uint16, 60_000, 65_535),
        (np.int32, 2_000_000_000, 2_000_000_200),
        (np.uint32, 4_000_000_000, 4_000_000_200),
        (np.int64, -(10**15), -(10**15) + 200),
        (np.float64, 1e9, 1e9 + 1),
        (np.float64, -1e300, 1e300),
        (np.float16, -100, 100),
    ],
)
def test_every_type_keeps_its_contrast(
    tmp_path: Path, dtype: type, low: float, high: float
) -> None:
    steps = np.linspace(0, 1, 101)
    image = np.tile((low * (1 - steps) + high * steps).astype(dtype), (20, 1))
    read = open_pixels(kept(tmp_path, image, "yx"), tmp_path).read()
    expected = (steps - 0.01) / (0.998 - 0.01)
    np.testing.assert_allclose(read[0, 0], expected, atol=0.02)


def test_a_flat_image_is_zero(tmp_path: Path) -> None:
    for value in (0, 7):
        ref = kept(tmp_path, np.full((20, 30), value, np.uint8), "yx")
        assert not open_pixels(ref, tmp_path).read().any()


def test_bool_is_zero_and_one(tmp_path: Path) -> None:
    image = noise(20, 30) > 100
    np.testing.assert_array_equal(
        open_pixels(kept(tmp_path, image, "yx"), tmp_path).read()[0], image
    )


def test_values_that_are_not_finite_do_no_harm(tmp_path: Path) -> None:
    image = noise(40, 50)
    clean = open_pixels(kept(tmp_path, image, "yx"), tmp_path)
    holes = image.copy()
    holes[0, :3] = np.nan, np.inf, -np.inf
    read = open_pixels(kept(tmp_path, holes, "yx"), tmp_path).read()
    assert read[0, 0, :3].tolist() == [0, 1, 0]
    assert np.isfinite(read).all()
    np.testing.assert_allclose(read[0, 1:], clean.read()[0, 1:], atol=0.02)
    both = kept(tmp_path, np.stack([image, np.full_like(image, np.nan)]), "cyx")
    with pytest.raises(
        InputError,
        match=r"'the image' holds no finite value.*: remove the image, or save the file without",
    ):
        open_pixels(both, tmp_path).read()
    one = both.model_copy(update={"channels": (0,)})
    assert np.isfinite(open_pixels(one, tmp_path).read()).all()


def test_the_map_can_be_taken_back(tmp_path: Path) -> None:
    image = noise(30, 30)
    pixels = opened(kept(tmp_path, image, "yx"), tmp_path)
    assert isinstance(pixels.intensity, Intensity)
    np.testing.assert_allclose(pixels.intensity.restore(pixels.read())[0], image, rtol=1e-5)


def test_a_large_image_is_measured_on_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again() -> NormalizedImage:  # of one image the intensity is measured but once
        return opened(kept(tmp_path, noise(700, 900), "yx"), tmp_path)

    exact = again().intensity
    monkeypatch.setattr(normalized, "MAX_SAMPLE_PX", 2**16)
    strided = again()
    assert 2**14 < exhaust(strided._sample()).size <= 2**16
    assert strided.intensity.low[0] == pytest.approx(exact.low[0], abs=2)
    monkeypatch.setattr(normalized, "MAX_STRIDED_PX", 2**18)
    windows = again()
    assert 2**14 < exhaust(windows._sample()).size <= 2**16
    assert windows.intensity.high[0] == pytest.approx(exact.high[0], abs=4)


# --- planes, channels, regions ---------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_axes_plane_channels_and_region(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("p")
    lead = data.draw(st.sampled_from(["", "c", "z", "t", "tc", "cz", "tz", "zc", "tcz", "ctz"]))
    axes = f"{lead}yx"
    shape = (*(data.draw(st.integers(1, 3)) for _ in lead), 11, 13)
    image = np.random.default_rng(0).integers(0, 200, shape).astype(np.uint8)
    sizes = dict(zip(axes, shape, strict=True))
    plane = {a: data.draw(st.integers(0, sizes[a] - 1)) for a in lead if a in "tz"}
    if "z" in plane and data.draw(st.booleans()):
        del plane["z"]
    channels = data.draw(
        st.none() | st.permutations(range(sizes.get("c", 1))).map(lambda p: tuple(p[:2]))
    )
    spatial = [a for a in "zyx" if a in axes and a not in plane]
    bounds = [sizes[a] for a in spatial]

    def box() -> tuple[tuple[int, int], ...]:
        pairs = (st.sets(st.integers(0, n), min_size=2, max_size=2) for n in bounds)
        return tuple((min(edges), max(edges)) for edges in map(data.draw, pairs))

    region = data.draw(st.none()) if data.draw(st.booleans()) else box()
    ref = kept(folder, image, axes, plane=plane, channels=channels, region=region)
    pixels = opened(ref, folder)

    # the same, said with plain indexing
    plain = image
    for axis in sorted(plane, key=axes.index, reverse=True):
        plain = np.take(plain, plane[axis], axis=axes.index(axis))
    left = [a for a in axes if a not in plane]
    plain = plain.transpose([left.index(a) for a in "czyx" if a in left])
    plain = plain if "c" in left else plain[None]
    plain = plain[list(channels)] if channels is not None else plain
    assert pixels.shape == plain.shape
    assert ref.ndim == len(spatial)
    part = region or tuple((0, n) for n in bounds)
    assert pixels.region == part
    read = pixels.read()
    cut = plain[(slice(None), *(slice(a, b) for a, b in part))]
    np.testing.assert_allclose(pixels.intensity.restore(read), cut, atol=1e-3)
    first = (slice(None), *(slice(0, 1),) * len(part))
    np.testing.assert_array_equal(pixels.read(tuple((a, a + 1) for a, _ in part)), read[first])


@pytest.mark.parametrize(
    "asked",
    [
        ((9, 20), (5, 20)),
        ((10, 41), (5, 20)),
        ((10, 20), (4, 20)),
        ((10, 20), (5, 66)),
        ((12, 12), (5, 20)),
        ((20, 12), (5, 20)),
        ((10, 20),),
        ((0, 1), (10, 20), (5, 20)),
    ],
)
def test_reads_outside_the_region_are_refused(tmp_path: Path, asked: tuple) -> None:
    ref = kept(tmp_path, noise(60, 70), "yx", region=((10, 40), (5, 65)))
    with pytest.raises(InputError, match="'the image' were asked for"):
        open_pixels(ref, tmp_path).read(asked)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"region": ((0, 61), (0, 70))}, "region"),
        ({"region": ((0, 0), (0, 70))}, "region"),
        ({"region": ((0, 10),)}, "region"),
        ({"plane": {"t": 2}}, "no plane t=2"),
        ({"plane": {"t": -1}}, "no plane t=-1"),
        ({"plane": {"t": 0, "z": 0}}, "no plane z=0"),
        ({"plane": {"t": 0, "y": 0}}, "no plane y=0"),
        ({"plane": {}}, "2 time points"),
        ({"plane": {"t": 0}, "channels": (3,)}, "channels 0 to 2"),
        ({"plane": {"t": 0}, "channels": ()}, "choose at least one of its 3"),
        ({"plane": {"t": 0}, "axes": "yx"}, "axes 'yx' do not fit"),
    ],
)
def test_a_ref_that_does_not_fit_says_so(tmp_path: Path, fields: dict, told: str) -> None:
    ref = kept(tmp_path, noise(2, 3, 60, 70), "tcyx", plane={"t": 1})
    assert open_pixels(ref, tmp_path).shape == (3, 60, 70)
    with pytest.raises(InputError, match=told):
        open_pixels(ref.model_copy(update=fields), tmp_path)


@pytest.mark.parametrize("kind", ["plain", "tiled", "zarr"])
def test_only_the_region_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """An image far larger than one read may be is read by region all the same."""
    image = noise(600, 600)
    path = tmp_path / "large"
    if kind == "zarr":
        write_ome_zarr(path, image, "yx", chunk=100)
    else:
        tifffile.imwrite(path, image, tile=(64, 64) if kind == "tiled" else None)
    monkeypatch.setattr(stored_array, "MAX_READ_BYTES", 600 * 300 * 4)
    ref = describe(path)[0].model_copy(update={"region": ((300, 400), (100, 200))})
    read = opened(ref, tmp_path)
    np.testing.assert_allclose(
        read.intensity.restore(read.read())[0], image[300:400, 100:200], rtol=1e-4
    )
    with pytest.raises(InputError, match="use a smaller region"):
        open_pixels(ref.model_copy(update={"region": None}), tmp_path).read()


def test_more_than_is_free_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(available=2**20)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    stored_array.check_budget("a.tif", 2**20, 1)
    with pytest.raises(InputError, match=r"'a\.tif'.*smaller region"):
        stored_array.check_budget("a.tif", 2**20 + 1, 1)


def test_the_intensity_of_an_image_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(40, 50))
    (ref,) = describe(tmp_path / "a.tif")
    measured = []
    measure = Intensity.measure

    def count(*args: Any, **options: Any) -> Intensity:
        measured.append(args)
        return measure(*args, **options)

    monkeypatch.setattr(Intensity, "measure", count)
    first = open_pixels(ref, tmp_path).read()
    np.testing.assert_array_equal(open_pixels(ref, tmp_path).read(), first)
    assert len(measured) == 1
    part = ref.model_copy(update={"region": ((0, 20), (0, 20))})
    open_pixels(part, tmp_path).read()
    assert len(measured) == 2  # it is that of the region


# --- in steps --------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "axes"), [((90, 70), "yx"), ((9, 30, 40), "zyx")])
def test_a_whole_image_is_read_in_steps_as_at_once(
    shape: tuple[int, ...], axes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalized, "MAX_SAMPLE_PX", 2**10)
    image = noise(*shape)
    for name in ("at once.tif", "in steps.tif"):
        tifffile.imwrite(tmp_path / name, image)
    at_once = opened(ImageRef(uri="at once.tif", axes=axes), tmp_path).read()
    monkeypatch.setattr(normalized, "READ_PX", 2**9)
    steps, found = finish(opened(ImageRef(uri="in steps.tif", axes=axes), tmp_path).read_whole())
    np.testing.assert_array_equal(found, at_once)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert sum(fraction < 0.5 for fraction in fractions) > 1, "while the intensity is measured"
    assert sum(fraction > 0.5 for fraction in fractions) > 3


@pytest.mark.parametrize(("shape", "chunk"), [((9, 60, 80), (9, 20, 20)), ((700, 30), (7, 30))])
def test_each_chunk_of_a_file_is_decoded_once(
    shape: tuple[int, ...], chunk: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalized, "READ_PX", 2**12)
    image = noise(*shape)
    decoded: list[tuple[int, ...]] = []

    def read(index: Index) -> NDArray[Any]:
        spans = [range(*part.indices(n)) for part, n in zip(index, shape, strict=True)]
        pieces = [sorted({at // edge for at in s}) for s, edge in zip(spans, chunk, strict=True)]
        decoded.extend(product(*pieces))
        return image[index]

    axes = "zyx"[-len(shape) :]
    stored = StoredArray("a", shape, axes, image.dtype, read, chunk=chunk)
    pixels = NormalizedImage(ImageRef(uri="a", axes=axes), stored, "a")
    every = set(product(*(range(-(-n // edge)) for n, edge in zip(shape, chunk, strict=True))))
    exhaust(pixels.measure())
    assert sorted(decoded) == sorted(every)
    decoded.clear()
    whole = exhaust(pixels.read_whole())
    assert sorted(decoded) == sorted(every)
    np.testing.assert_array_equal(whole, pixels.read())
