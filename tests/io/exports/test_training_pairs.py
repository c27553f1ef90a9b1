"""Training pairs in the layouts of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, InstanceLabels, RegionLabels
from napari_synthseg.io.exports.training_pairs import LAYOUTS, pair_layout


def make_pair(channels: int = 2, depth: int = 0) -> DualImage:
    shape = (*(depth,) * bool(depth), 12, 16)
    image = np.arange(channels * np.prod(shape), dtype=np.float32).reshape(channels, *shape)
    ids = np.zeros(shape, np.int32)
    ids[..., 2:5, 2:5], ids[..., 6:9, 4:12], ids[..., 11, :] = 1, 70_000, UNKNOWN
    return DualImage(image, InstanceLabels(ids, {1: 3, 70_000: 7}), 0)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_files_are_those_that_are_told(name: str, tmp_path: Path) -> None:
    layout = pair_layout(name, (3, 7))
    told = layout.files(tmp_path, ["00000", "00001"], 2)
    for stem in ("00000", "00001"):
        layout.write(tmp_path, stem, make_pair())
    layout.finish(tmp_path, 2, 2, {3: "cell", 7: "debris"})
    assert sorted(told) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_cellpose_has_masks_beside_images(tmp_path: Path) -> None:
    pair = make_pair()
    pair_layout("cellpose", (3, 7)).write(tmp_path, "a", pair)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), pair.image)
    masks = tifffile.imread(tmp_path / "a_masks.tif")
    np.testing.assert_array_equal(masks, np.maximum(pair.labels.ids, 0))


def test_stardist_has_folders_and_channels_last(tmp_path: Path) -> None:
    pair = make_pair(3)
    pair_layout("stardist", (3, 7)).write(tmp_path, "a", pair)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "images" / "a.tif"), np.moveaxis(pair.image, 0, -1)
    )
    assert tifffile.imread(tmp_path / "masks" / "a.tif").max() == 70_000
    one = make_pair(1)
    pair_layout("stardist", (3, 7)).write(tmp_path, "b", one)
    assert tifffile.imread(tmp_path / "images" / "b.tif").shape == (12, 16)


def test_nnunet_has_classes_without_gaps_and_ignores_what_is_unknown(tmp_path: Path) -> None:
    layout, pair = pair_layout("nnunet", (7, 3)), make_pair()
    layout.write(tmp_path, "a", pair)
    layout.finish(tmp_path, 1, 2, {3: "cell", 7: "ignore"})
    for channel in (0, 1):
        written = tifffile.imread(tmp_path / "imagesTr" / f"a_{channel:04d}.tif")
        np.testing.assert_array_equal(written, pair.image[channel])
    ids = pair.labels.ids
    expected = np.select([ids == 1, ids == 70_000, ids < 0], [1, 2, 3], 0)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labelsTr" / "a.tif"), expected)
    described = json.loads((tmp_path / "dataset.json").read_text("utf-8"))
    assert described["labels"] == {"background": 0, "cell": 1, "ignore class": 2, "ignore": 3}
    assert (described["numTraining"], described["file_ending"]) == (1, ".tif")
    assert described["channel_names"] == {"0": "channel 0", "1": "channel 1"}
    assert described["overwrite_image_reader_writer"] == "NaturalImage2DIO"


def test_nnunet_reads_volumes_with_their_spacing(tmp_path: Path) -> None:
    layout = pair_layout("nnunet", (3, 7))
    assert {p.name for p in layout.files(tmp_path, ["a"], 1)} >= {"a.tif", "dataset.json"}
    layout.write(tmp_path, "a", make_pair(1, depth=4))
    layout.finish(tmp_path, 1, 1, {3: "cell", 7: "debris"})
    for folder in ("imagesTr", "labelsTr"):
        assert json.loads((tmp_path / folder / "a.json").read_text()) == {"spacing": [1, 1, 1]}
    described = json.loads((tmp_path / "dataset.json").read_text())
    assert described["overwrite_image_reader_writer"] == "Tiff3DIO"


@pytest.mark.parametrize("name", ["cellpose", "stardist"])
def test_regions_are_no_objects(name: str, tmp_path: Path) -> None:
    pair = DualImage(np.zeros((1, 4, 4), np.float32), RegionLabels.of(np.ones((4, 4), int)), 0)
    with pytest.raises(InputError, match=r"learns separate objects, .* --format nnunet"):
        pair_layout(name, (1,)).write(tmp_path, "a", pair)
