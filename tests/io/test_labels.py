from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from napari_synthseg.core.annotations import (
    BoxTruth,
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    PointTruth,
    RegionTruth,
    Truth,
)
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    UNKNOWN,
    InstanceLabels,
    RegionLabels,
    instances_of,
    regions_of,
)
from napari_synthseg.io.labels import (
    MAX_TABLE_ID,
    check_classes,
    means_class_one,
    read_label_file,
    read_region_file,
)
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.truths import open_labels, save_labels
from tests.helpers.zarr_images import write_ome_zarr

IDS = np.zeros((20, 30), np.int32)
IDS[2:6, 3:9] = 4
IDS[8:14, 3:9] = 7
IDS[8:14, 12:25] = 300


@pytest.fixture
def ref(tmp_path: Path) -> ImageRef:
    uri = save_array(np.zeros((20, 30), np.uint8), "yx", tmp_path, "image")
    return ImageRef(id="image", uri=uri, name="image.tif")


def truth_in(
    folder: Path,
    array: NDArray[Any],
    name: str = "masks.tif",
    kind: type[InstanceTruth] | type[RegionTruth] = InstanceTruth,
    **fields: Any,
) -> Truth:
    path = folder / name
    if name.endswith("zarr"):
        write_ome_zarr(path, array, "yx")
    elif name.endswith("tif"):
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)
    return kind(image="image", source=name, **fields)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("masks.png", np.uint16),
        ("masks.tif", np.uint16),
        ("masks.tif", np.int32),
        ("masks.tif", np.uint64),
        ("masks.tif", np.float32),
        ("masks.zarr", np.uint32),
    ],
)
def test_ids_of_label_images(tmp_path: Path, ref: ImageRef, name: str, dtype: type) -> None:
    labels = open_labels(truth_in(tmp_path, IDS.astype(dtype), name), ref, tmp_path)
    np.testing.assert_array_equal(labels.ids, IDS)
    assert labels.ids.dtype == np.int32
    assert labels.classes == {4: 1, 7: 1, 300: 1}
    assert read_label_file(tmp_path / name).classes == labels.classes


def test_classes_are_those_of_the_truth(tmp_path: Path, ref: ImageRef) -> None:
    truth = truth_in(tmp_path, IDS, classes={4: 2, 300: 3, 999: 5})
    assert open_labels(truth, ref, tmp_path).classes == {4: 2, 7: 1, 300: 3}


def test_labels_are_cut_to_the_region(tmp_path: Path, ref: ImageRef) -> None:
    cut = ref.model_copy(update={"region": ((8, 20), (0, 30))})
    for array in (IDS, IDS[8:20]):  # masks of the whole image, or of the region alone
        labels = open_labels(truth_in(tmp_path, array), cut, tmp_path)
        np.testing.assert_array_equal(labels.ids, IDS[8:20])
        assert set(labels.classes) == {7, 300}


def test_a_plane_of_a_stack(tmp_path: Path) -> None:
    uri = save_array(np.zeros((3, 2, 20, 30), np.uint8), "zcyx", tmp_path, "stack")
    ref = ImageRef(id="image", uri=uri, axes="zcyx", plane={"z": 1}, name="stack.tif")
    stack = np.stack([0 * IDS, IDS, IDS + (IDS > 0)])
    for array in (stack, IDS):  # masks of each plane, or of this plane alone
        labels = open_labels(truth_in(tmp_path, array), ref, tmp_path)
        np.testing.assert_array_equal(labels.ids, IDS)
    beyond = ref.model_copy(update={"plane": {"z": 2}})
    with pytest.raises(InputError, match=r"masks\.tif.* without the plane .*stack\.tif"):
        open_labels(truth_in(tmp_path, stack[:2]), beyond, tmp_path)
    volume = ref.model_copy(update={"plane": {}})
    np.testing.assert_array_equal(
        open_labels(truth_in(tmp_path, stack), volume, tmp_path).ids, stack
    )


@pytest.mark.parametrize("shape", [(30, 20), (20, 29), (1, 1), (19, 30), (40, 60), (2, 20, 30)])
def test_a_wrong_shape_names_both(tmp_path: Path, ref: ImageRef, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        open_labels(truth_in(tmp_path, np.ones(shape, np.uint16)), ref, tmp_path)
    for told in ("masks.tif", str(shape), "image.tif", "(20, 30)"):
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.where(IDS == 7, -1, IDS), "negative id -1"),
        (IDS / 2.5, "fractions"),
        (np.where(IDS == 7, np.nan, IDS), "without a number"),
        (np.where(IDS == 7, np.uint64(2**63 + 5), IDS.astype(np.uint64)), "number the objects"),
        (((IDS > 0) * 255).astype(np.uint8), "black and white"),
    ],
)
def test_what_is_no_label_image(
    tmp_path: Path, ref: ImageRef, array: NDArray[Any], told: str
) -> None:
    with pytest.raises(InputError, match=f"masks.tif.*{told}"):
        open_labels(truth_in(tmp_path, array), ref, tmp_path)


def test_one_object_may_be_black_and_white(tmp_path: Path, ref: ImageRef) -> None:
    one = ((IDS == 4) * 255).astype(np.uint8)
    assert open_labels(truth_in(tmp_path, one), ref, tmp_path).classes == {255: 1}


def test_colors_are_no_ids_but_gray_saved_as_color_is(tmp_path: Path, ref: ImageRef) -> None:
    gray = (IDS % 256).astype(np.uint8)
    same = truth_in(tmp_path, np.stack([gray] * 3, axis=-1), "masks.png")
    np.testing.assert_array_equal(open_labels(same, ref, tmp_path).ids, gray)
    colored = truth_in(tmp_path, np.stack([gray, gray, 0 * gray], axis=-1), "masks.png")
    with pytest.raises(InputError, match="colored"):
        open_labels(colored, ref, tmp_path)


def test_palettes_give_ids(tmp_path: Path, ref: ImageRef) -> None:
    ids = np.minimum(IDS, 9).astype(np.uint8)
    image = Image.fromarray(ids, "P")
    image.putpalette(np.random.default_rng(0).integers(0, 255, 30, np.uint8).tobytes())
    image.save(tmp_path / "masks.png")
    truth = InstanceTruth(image="image", source="masks.png")
    np.testing.assert_array_equal(open_labels(truth, ref, tmp_path).ids, ids)


def test_huge_ids_are_numbered_anew(tmp_path: Path, ref: ImageRef) -> None:
    large = {0: 0, 4: 2**40, 7: 3, 300: 2**33}
    array = np.vectorize(large.__getitem__, otypes=[np.uint64])(IDS)
    truth = truth_in(tmp_path, array, classes={2**40: 2, 2**33: 3})
    labels = open_labels(truth, ref, tmp_path)
    assert labels.ids.max() == 3
    assert [labels.classes[int(labels.ids[y, x])] for y, x in ((3, 4), (9, 4), (9, 20))] == [
        2,
        1,
        3,
    ]
    assert labels.class_map().shape == IDS.shape
    assert MAX_TABLE_ID < 2**33


REGIONS = np.zeros((20, 30), np.uint8)
REGIONS[2:6, 3:9] = REGIONS[8:14, 3:9] = 2
REGIONS[6:8, 3:9] = 1


def test_a_semantic_truth_holds_regions(tmp_path: Path, ref: ImageRef) -> None:
    labels = open_labels(truth_in(tmp_path, REGIONS, kind=RegionTruth), ref, tmp_path)
    assert isinstance(labels, RegionLabels)
    assert labels.class_values_shown() == {1, 2}
    np.testing.assert_array_equal(labels.values, REGIONS)
    alone = read_region_file(tmp_path / "masks.tif")
    np.testing.assert_array_equal(alone.values, REGIONS)


@pytest.mark.parametrize("read_alone", [True, False])
def test_255_is_unknown_unless_it_is_all_there_is(
    tmp_path: Path, ref: ImageRef, read_alone: bool
) -> None:
    def read(array: NDArray[Any], name: str, image: ImageRef = ref) -> RegionLabels:
        truth = truth_in(tmp_path, array, name, kind=RegionTruth)
        if read_alone and image is ref:
            return read_region_file(tmp_path / name)
        return regions_of(open_labels(truth, image, tmp_path))

    unknown = REGIONS.copy()
    unknown[15:] = 255
    found = read(unknown, "some.png")
    assert (found.values[15:] == UNKNOWN).all()
    assert found.class_values_shown() == {1, 2}
    white = ((REGIONS == 2) * 255).astype(np.uint8)
    np.testing.assert_array_equal(read(white, "white.png").values, white > 0)
    # what the whole file holds decides, not what one region of the image sees of it
    low = ref.model_copy(update={"region": ((14, 20), (0, 30))})
    assert set(np.unique(read(unknown, "part.png", low).values)) == {UNKNOWN, 0}


def test_regions_from_memory_come_back(tmp_path: Path, ref: ImageRef) -> None:
    for ids in (REGIONS.astype(np.int32), np.where(REGIONS == 2, UNKNOWN, 0)):
        uri = save_labels(RegionLabels.of(ids), tmp_path, f"r{ids.max()}")
        truth = RegionTruth(image="image", source=uri)
        np.testing.assert_array_equal(open_labels(truth, ref, tmp_path).values, ids)


@pytest.mark.parametrize("value", [256, 1000])
def test_what_no_class_can_have_is_refused(tmp_path: Path, ref: ImageRef, value: int) -> None:
    array = np.where(REGIONS == 2, value, 0).astype(np.uint16)
    with pytest.raises(InputError, match=f"masks.tif.*{value}.*1 to 254"):
        open_labels(truth_in(tmp_path, array, kind=RegionTruth), ref, tmp_path)
    with pytest.raises(InputError, match=f"{value}.*1 to 254"):
        save_labels(RegionLabels.of(array), tmp_path, "r")


def test_regions_of_a_strange_class_are_refused() -> None:
    check_classes(RegionLabels.of(REGIONS), [1, 2, 3], "'a.png'")
    with pytest.raises(InputError, match=r"'a\.png' hold the value 2"):
        check_classes(RegionLabels.of(REGIONS), [1, 3], "'a.png'")


def test_points_are_read_as_labels_of_points(tmp_path: Path, ref: ImageRef) -> None:
    part = ref.model_copy(update={"region": ((2, 20), (3, 30))})
    truth = PointTruth(image="image", points=(((5.0, 6.5), 2), ((1.0, 1.0), 1)))
    labels = open_labels(truth, part, tmp_path)
    assert labels.shape == (18, 27)
    assert labels.positions.tolist() == [[3.0, 3.5], [-1.0, -2.0]]
    assert labels.class_values_shown() == {2}
    empty = open_labels(PointTruth(image="image"), ref, tmp_path)
    assert empty.positions.shape == (0, 2)
    with pytest.raises(InputError, match="import instance masks"):
        instances_of(labels)


def test_a_missing_file_is_told(tmp_path: Path, ref: ImageRef) -> None:
    truth = InstanceTruth(image="image", source="gone.png")
    with pytest.raises(InputError, match=r"gone\.png"):
        open_labels(truth, ref, tmp_path)
    with pytest.raises(InputError, match=r"gone\.png"):
        read_label_file(tmp_path / "gone.png")


@settings(max_examples=15, deadline=None)
@given(
    values=st.lists(st.integers(0, 2**20), min_size=12, max_size=12),
    named=st.dictionaries(st.integers(1, 50), st.integers(1, 5)),
)
def test_labels_from_memory_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], named: dict[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("p")
    ids = np.array(values, np.int32).reshape(3, 4)
    classes = {i: named.get(i, 1) for i in values if i}
    image = save_array(np.zeros((3, 4)), "yx", folder, "image")
    uri = save_labels(InstanceLabels(ids, classes), folder, "labels")
    truth = InstanceTruth(image="image", source=uri, classes=classes)
    labels = open_labels(truth, ImageRef(uri=image), folder)
    np.testing.assert_array_equal(labels.ids, ids)
    assert labels.classes == classes


def boxed(project_folder, region=None):
    ref = ImageRef(uri="image.tif", region=region)
    tifffile.imwrite(project_folder / "image.tif", np.zeros((30, 40), np.uint8))
    boxes = Boxes.of([(2, 3, 10, 12), (20, 30, 29, 39), (8, 8, 12, 12)], [1, 2, 2])
    return ref, BoxTruth.of(ref.id, boxes)


def test_boxes_are_read_as_labels_of_boxes(tmp_path):
    ref, truth = boxed(tmp_path)
    labels = open_labels(truth, ref, tmp_path)
    assert labels.shape == (30, 40)
    assert labels.boxes.corners.tolist() == [[2, 3, 10, 12], [20, 30, 29, 39], [8, 8, 12, 12]]
    assert labels.boxes.classes.tolist() == [1, 2, 2]


def test_of_boxes_those_in_the_region_are_read(tmp_path):
    ref, truth = boxed(tmp_path, region=((10, 30), (10, 40)))
    labels = open_labels(truth, ref, tmp_path)
    assert labels.shape == (20, 30)
    assert labels.boxes.corners.tolist() == [[10, 20, 19, 29], [-2, -2, 2, 2]]


def test_what_an_image_shows_is_read_as_labels(tmp_path):
    ref, _ = boxed(tmp_path)
    labels = open_labels(ImageTagsTruth.of(ref.id, [3, 1, 3]), ref, tmp_path)
    assert (labels.class_values_shown(), labels.shape) == ({1, 3}, (30, 40))


def test_255_means_class_one_in_scored_folders_that_know_no_other() -> None:
    assert means_class_one({0, 255}, {0, 1})
    assert means_class_one({255}, {1: "cell"})
    assert not means_class_one({0, 1}, {0, 1})
    assert not means_class_one({0, 1, 255}, {0, 1})
    assert not means_class_one({0, 255}, {0, 1, 2})
