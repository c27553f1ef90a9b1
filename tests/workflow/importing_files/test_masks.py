"""Which file holds the masks of which image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.labels import read_whole
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import true_masks
from tests.helpers.zarr_images import write_ome_zarr

SHAPE = (24, 30)


def masks(count: int) -> np.ndarray:
    """Return ids of `count` squares of 3 pixels in a row."""
    ids = np.zeros(SHAPE, np.uint16)
    for n in range(count):
        ids[4:7, 4 * n : 4 * n + 3] = n + 1
    return ids


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array)
    return path


def noise(path: Path, seed: int = 0) -> Path:
    return save(path, np.random.default_rng(seed).integers(0, 999, SHAPE).astype(np.uint16))


class Opened:
    """A project of images, and what it knows of their masks after an import."""

    def __init__(self, folder: Path, *images: Path) -> None:
        self.session = Session.create(folder / "p.synthseg")
        for image in images:
            self.session.add_images(image).result()
        self.session.edit(
            self.session.project.with_classes(self.session.project.next_class("cell")), "class"
        )

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def load(self, folder: Path, image: str | None = None) -> dict[str, int]:
        """Import masks; return the number of objects by folder and name of the image."""
        made = self.session.import_file(folder, ImportOptions(image=image), "instance").result()
        self.message = made.message
        project = self.session.project
        return {
            "/".join(Path(image.uri).parts[-2:]): len(np.unique(self.labels(image.id))) - 1
            for image in project.images
            if project.masks_of(image)
        }

    def labels(self, image: str) -> np.ndarray:
        truth = self.session.project.masks_of(self.session.project.image(image))
        assert truth is not None
        source = self.session.folder / truth.source
        return read_whole(open_file(source.resolve(), as_ids=True), "")


Make = Callable[..., Opened]


def test_a_jpeg_alone_is_no_file_of_masks(tmp_path: Path) -> None:
    with Opened(tmp_path, noise(tmp_path / "x.tif")) as opened:
        path = tmp_path / "x_masks.jpg"
        Image.fromarray(masks(3).astype(np.uint8) * 80).save(path)
        with pytest.raises(InputError, match=r"x_masks.jpg' is a JPEG, which changes values"):
            opened.load(path)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a project of image files; it is closed in the end."""
    with ExitStack() as stack:
        yield lambda *images: stack.enter_context(Opened(tmp_path, *images))


@pytest.fixture
def two_days(tmp_path: Path, make: Make) -> Opened:
    return make(noise(tmp_path / "d1" / "i.tif", 1), noise(tmp_path / "d2" / "i.tif", 2))


def test_folders_tell_masks_of_one_name_apart(tmp_path: Path, two_days: Opened) -> None:
    for number, day in enumerate(("d1", "d2"), start=2):
        save(tmp_path / "masks" / day / "i.tif", masks(number))
    assert two_days.load(tmp_path / "masks") == {"d1/i.tif": 2, "d2/i.tif": 3}


def test_masks_that_may_be_of_two_images_are_refused_and_can_be_told(
    tmp_path: Path, two_days: Opened
) -> None:
    save(tmp_path / "masks" / "i.tif", masks(2))
    with pytest.raises(InputError, match=r"masks/i\.tif: several images .*'d1/i\.tif' or 'd2"):
        two_days.load(tmp_path / "masks")
    assert not two_days.session.project.truths
    assert two_days.load(tmp_path / "masks", image="d2") == {"d2/i.tif": 2}
    assert two_days.load(tmp_path / "masks", image="d1/i.tif") == {"d1/i.tif": 2, "d2/i.tif": 2}


def test_masks_named_as_outputs_are(tmp_path: Path, two_days: Opened) -> None:
    save(tmp_path / "masks" / "d2_i.tif", masks(4))
    assert two_days.load(tmp_path / "masks") == {"d2/i.tif": 4}


@pytest.mark.parametrize(
    "ending", ["_cp_masks", "_masks", "_mask", "_label", "_labels", "_seg", "_MASK", ""]
)
def test_knows_the_endings_of_the_field(tmp_path: Path, make: Make, ending: str) -> None:
    opened = make(noise(tmp_path / "x" / "i.tif"))
    save(tmp_path / "masks" / f"i{ending}.tif", masks(2))
    assert opened.load(tmp_path / "masks") == {"x/i.tif": 2}


def test_masks_in_other_capitals_are_told_and_a_second_file_is_chosen_from(
    tmp_path: Path, make: Make
) -> None:
    opened = make(noise(tmp_path / "x" / "Cells.tif"))
    folder = tmp_path / "masks"
    save(folder / "cells_mask.tif", masks(2))
    assert opened.load(folder) == {"x/Cells.tif": 2}
    assert "'cells' was taken for 'Cells.tif'" in opened.message
    save(folder / "CELLS.tif", masks(3))
    assert opened.load(folder) == {"x/Cells.tif": 2}  # the one that is named as masks


@pytest.mark.parametrize("copied", [False, True])
def test_an_image_beside_its_masks_is_not_its_own_mask(
    tmp_path: Path, make: Make, copied: bool
) -> None:
    work = tmp_path / "work"
    opened = make(noise((tmp_path if copied else work) / "i.tif"))
    noise(work / "i.tif", seed=copied)  # a copy, perhaps of other values
    save(work / "i_masks.tif", masks(2))
    assert set(opened.load(work).values()) == {2}


def test_images_alone_are_no_masks(tmp_path: Path, make: Make) -> None:
    image = noise(tmp_path / "work" / "i.tif")
    opened = make(image)
    save(tmp_path / "copies" / "i.tif", tifffile.imread(image))
    for folder in ("work", "copies"):
        with pytest.raises(InputError, match="is not that image itself"):
            opened.load(tmp_path / folder)


def test_two_files_of_masks_for_one_image(tmp_path: Path, make: Make) -> None:
    opened = make(noise(tmp_path / "x" / "i.tif"))
    for ending in ("_cp_masks", "_masks"):
        save(tmp_path / "masks" / f"i{ending}.tif", masks(2))
    assert opened.load(tmp_path / "masks") == {"x/i.tif": 2}
    assert "1 file(s) belong to no image (i_masks.tif)" in opened.message
    save(tmp_path / "masks" / "i_masks.tif", masks(3))
    with pytest.raises(InputError, match=r"i_cp_masks\.tif' and .*i_masks\.tif' may both"):
        opened.load(tmp_path / "masks")


def test_masks_among_the_images_are_noticed(tmp_path: Path, make: Make) -> None:
    opened = make(noise(tmp_path / "x" / "i.tif"))
    add = opened.session.add_images
    told = add(save(tmp_path / "x" / "i_cp_masks.tif", masks(2))).result().message
    assert "named as the masks of 'i.tif'" in told
    assert "masks of" not in add(noise(tmp_path / "x" / "face_masks.tif", 5)).result().message


def test_what_lies_deeper_comes_second(tmp_path: Path, make: Make) -> None:
    opened = make(noise(tmp_path / "x" / "i.tif"))
    save(tmp_path / "masks" / "i.tif", masks(2))
    save(tmp_path / "masks" / "old" / "i.tif", masks(3))
    assert opened.load(tmp_path / "masks") == {"x/i.tif": 2}


def test_jpeg_is_named_as_no_format_of_masks(tmp_path: Path, make: Make) -> None:
    opened = make(noise(tmp_path / "x" / "i.tif"))
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "i.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="JPEG changes values"):
        opened.load(tmp_path / "masks")


def black_and_white(path: Path, value: int = 255) -> Path:
    return save(path, ((masks(3) > 0) * value).astype(np.uint16))


@pytest.mark.parametrize("value", [1, 128, 255, 65535])
def test_black_and_white_masks_are_split_on_request(tmp_path: Path, make: Make, value: int) -> None:
    opened = make(noise(tmp_path / "x" / "i.tif"))
    black_and_white(tmp_path / "masks" / "i.tif", value)
    with pytest.raises(InputError, match=r"masks/i\.tif' hold one value.*in 3 .*--split"):
        opened.load(tmp_path / "masks")
    for kind in ("instance", "patch_masks"):
        options = ImportOptions(split=True)
        made = opened.session.import_file(tmp_path / "masks", options, kind).result()
        assert made.figures["objects"] == 3
        assert "each of 3 connected pieces is an object" in made.message
    project = opened.session.project
    assert len(project.clicks) == 3
    np.testing.assert_array_equal(true_masks(opened.session, project.images[0]).ids, masks(3))


def test_a_single_label_image_is_of_the_image_that_it_is_named_as_or_that_is_meant(
    make: Make, tmp_path: Path
) -> None:
    images = [noise(tmp_path / f"{name}.tif", n) for n, name in enumerate("ab")]
    project = make(*images)
    named, other = (
        save(tmp_path / "m" / "b_masks.tif", masks(3)),
        save(tmp_path / "x.tif", masks(2)),
    )
    assert list(project.load(named).values()) == [3]
    assert project.message == "True masks of 3 object(s) added to 1 image(s)."
    with pytest.raises(InputError, match=r"x.tif' is not named as an image .*say by --image"):
        project.load(other)
    assert sorted(project.load(other, "a.tif").values()) == [2, 3]
    with pytest.raises(InputError, match=r"There is no file or folder '.*none'"):
        project.load(tmp_path / "none")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_in_an_ome_zarr_image_are_its_masks(
    make: Make, tmp_path: Path, version: str
) -> None:
    path = tmp_path / "set" / "cells.zarr"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.uint16)
    write_ome_zarr(path, pixels, "yx", version)
    labels = zarr.open_group(str(path), mode="r+").create_group("labels")
    listed = {"labels": ["nuclei"]}
    labels.attrs.update({"ome": listed} if version == "0.5" else listed)
    write_ome_zarr(path / "labels" / "nuclei", masks(4), "yx", version)
    project = make(path, noise(tmp_path / "other.tif", 1))
    for given in (path, path / "labels", path / "labels" / "nuclei", path.parent):
        assert list(project.load(given).values()) == [4], given
    write_ome_zarr(path / "labels" / "cells", masks(2), "yx", version)
    listed["labels"].append("cells")
    labels.attrs.update({"ome": listed} if version == "0.5" else listed)
    with pytest.raises(InputError, match=r"labels/cells' and .*labels/nuclei' may both .*alone"):
        project.load(path)
    assert list(project.load(path / "labels" / "cells").values()) == [2]


TURNED = {
    "with y and x exchanged": lambda ids: ids.T,
    "upside down": lambda ids: ids[::-1],
    "turned by a quarter to the left": lambda ids: np.rot90(ids, -1),
    "": lambda ids: ids,
}
"""What is told -> how masks were saved."""


@pytest.mark.parametrize("told", TURNED)
def test_masks_that_lie_beside_the_objects_of_a_square_image_are_told(
    tmp_path: Path, make: Make, told: str
) -> None:
    ids = np.zeros((48, 48), np.uint16)
    for n, (y, x) in enumerate([(3, 8), (14, 30), (36, 6), (25, 20), (10, 12)], start=1):
        ids[y : y + 6, x : x + 5] = n
    noisy = np.random.default_rng(0).normal(200, 20, ids.shape) + 300 * (ids > 0)
    project = make(save(tmp_path / "a.tif", noisy.clip(0).astype(np.uint16)))
    project.load(save(tmp_path / "masks" / "a.tif", np.ascontiguousarray(TURNED[told](ids))).parent)
    found = project.message.partition("fit far better ")[2]
    assert found.rstrip(".") == told


@pytest.mark.parametrize("kind", ["instance", "semantic"])
def test_masks_that_changed_since_are_refused_until_imported_again(
    tmp_path: Path, kind: Literal["instance", "semantic"]
) -> None:
    image = noise(tmp_path / "a.tif")
    path = save(tmp_path / "masks" / "a.tif", np.minimum(masks(3), 1 if kind == "semantic" else 9))
    with Session.create(tmp_path / "p.synthseg") as session:
        session.add_images(image).result()
        session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
        ref = session.project.images[0]
        session.import_file(path, ImportOptions(image="a.tif"), kind).result()
        before = true_masks(session, ref)
        assert before is not None
        save(path, np.minimum(masks(5), 1 if kind == "semantic" else 9))
        with pytest.raises(InputError, match=r"a\.tif' does not hold the masks that were imported"):
            true_masks(session, ref)
        session.import_file(path, ImportOptions(image="a.tif"), kind).result()
        after = true_masks(session, ref)
        assert after is not None
        assert after.shape == before.shape
