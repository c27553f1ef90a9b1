"""What is told of dual images that are exported, and outlines as label images."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, RegionLabels
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.exporting.pairs import describe_pairs
from napari_synthseg.workflow.exporting.patches import outline_files, write_outlines


def make_pairs(bad: set[int], count: int = 8) -> list[DualImage]:
    image, labels = np.zeros((1, 4, 4), np.float32), RegionLabels.of(np.ones((4, 4), int))
    return [DualImage(image, labels, n, "torn" if n in bad else "") for n in range(count)]


def test_files_that_nothing_should_learn_from_are_named() -> None:
    project = Project().with_classes(Project().next_class("phase"))
    figures, words = describe_pairs(make_pairs({1, 6}), project)
    assert (figures["pairs"], figures["faulty"]) == (8, ["00001.tif", "00006.tif"])
    assert words.endswith(
        "2 did not pass the gate, leave them out of training: 00001.tif, 00006.tif"
    )
    figures, words = describe_pairs(make_pairs(set(range(7))), project)
    assert len(figures["faulty"]) == 7
    assert words.endswith("00003.tif, 00004.tif, …")
    with pytest.raises(InputError, match="no dual images yet"):
        describe_pairs([], project)
    figures, words = describe_pairs(make_pairs(set()), project)
    assert figures["faulty"] == []
    assert "gate" not in words


# --- outlines ------------------------------------------------------------------------------------


def make_image(
    folder: Path, name: str = "cells.tif", shape: tuple[int, ...] = (20, 24)
) -> ImageRef:
    tifffile.imwrite(folder / name, np.zeros(shape, np.uint8), photometric="minisblack")
    return ImageRef(id=name, uri=name, name=name, axes="zyx"[-len(shape) :])


def make_patch(click: Click, origin: tuple[int, ...], extent: tuple[int, ...]) -> Patch:
    """Return a patch of one object, a box that begins at `origin` in the image."""
    mask = np.ones(extent, bool)
    return Patch(click.id, click.image, click.cls, mask[None] * np.float32(1), mask, origin,
                 tuple(n / 2 for n in extent))  # fmt: skip


def make_library(*patches: Patch, rejected: tuple[str, ...] = ()) -> PatchLibrary:
    return PatchLibrary(patches, (), {}, rejected=frozenset(rejected))


def test_outlines_have_the_numbers_of_their_clicks_and_the_smaller_is_on_top(
    tmp_path: Path,
) -> None:
    ref, other = make_image(tmp_path), make_image(tmp_path, "more.tif")
    places = [(ref, "core", 2), (other, "alone", 1), (ref, "cell", 1), (ref, "spot", 2)]
    clicks = [Click(id=n, image=i.id, position=(9.0, 9.0), cls=c) for i, n, c in places]
    core, alone, cell, spot = clicks
    project = Project(images=(ref, other), clicks=tuple(clicks))
    library = make_library(
        make_patch(cell, (4, 5), (10, 12)),
        make_patch(spot, (8, 8), (2, 2)),
        make_patch(core, (7, 7), (5, 6)),
        make_patch(alone, (-2, 20), (5, 9)),  # the window leaves the image
        rejected=("spot",),
    )
    files = outline_files(tmp_path / "out", project)
    written = write_outlines(files, library, tmp_path)
    expected = np.zeros((20, 24), np.uint16)
    expected[4:14, 5:17] = 2
    expected[7:12, 7:13] = 1
    expected[8:10, 8:10] = 3
    shown = tifffile.imread(tmp_path / "out" / "cells.tif")
    assert shown.dtype == np.uint16
    np.testing.assert_array_equal(shown, expected)
    expected[:] = 0
    expected[:3, 20:] = 1
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "more.tif"), expected)
    assert written.figures["outlines"] == 4
    assert written.message == "4 outlines on 2 image(s) written as labels."


def test_clicks_without_an_outline_keep_their_numbers(tmp_path: Path) -> None:
    ref = make_image(tmp_path)
    clicks = tuple(Click(image=ref.id, position=(9.0, 4.0 * n), cls=1) for n in range(4))
    nothing = make_patch(clicks[1], (2, 2), (3, 3))
    nothing.mask[:] = False
    library = make_library(
        make_patch(clicks[0], (1, 1), (2, 2)), nothing, make_patch(clicks[3], (9, 9), (3, 2))
    )
    files = outline_files(tmp_path / "out", Project(images=(ref,), clicks=clicks))
    written = write_outlines(files, library, tmp_path)
    shown = tifffile.imread(tmp_path / "out" / "cells.tif")
    assert dict(zip(*np.unique(shown, return_counts=True), strict=True))[4] == 6
    assert set(np.unique(shown)) == {0, 1, 4}
    assert written.message.endswith(" 2 click(s) have no outline.")
    assert (written.figures["outlines"], written.figures["without_outline"]) == (2, 2)


def test_regions_of_an_image_share_a_label_image(tmp_path: Path) -> None:
    whole = make_image(tmp_path)
    left = whole.model_copy(update={"id": "left", "region": ((0, 20), (0, 12))})
    right = whole.model_copy(update={"id": "right", "region": ((0, 20), (12, 24)), "role": "test"})
    clicks = [Click(image=i, position=(5.0, 5.0), cls=1) for i in ("right", "left", "left")]
    project = Project(images=(left, right), clicks=tuple(clicks))
    (file,) = outline_files(tmp_path / "out", project)
    assert [c.id for c in file.clicks] == [c.id for c in clicks]
    library = make_library(make_patch(clicks[1], (3, 3), (2, 2)))
    write_outlines((file,), library, tmp_path)
    shown = tifffile.imread(file.path)
    assert shown.shape == (20, 24)
    assert np.argwhere(shown == 2).tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]


def test_planes_have_files_of_their_own_and_images_without_clicks_none(tmp_path: Path) -> None:
    stack = make_image(tmp_path, "stack.tif", (3, 20, 24))
    planes = [stack.model_copy(update={"id": str(z), "plane": {"z": z}}) for z in range(3)]
    clicks = tuple(Click(image=str(z), position=(5.0, 5.0), cls=1) for z in (2, 0))
    project = Project(images=tuple(planes), clicks=clicks)
    files = outline_files(tmp_path, project)
    assert [f.path.name for f in files] == ["stack_z0.tif", "stack_z2.tif"]
    write_outlines(files, make_library(make_patch(clicks[0], (1, 2), (4, 4))), tmp_path)
    assert tifffile.imread(files[1].path).shape == (20, 24)


def test_two_images_of_one_stem_have_files_of_their_own(tmp_path: Path) -> None:
    one, other = (make_image(tmp_path, f"cells.{kind}") for kind in ("tif", "tiff"))
    clicks = tuple(Click(image=i.id, position=(5.0, 5.0), cls=1) for i in (one, other))
    project = Project(images=(one, other), clicks=clicks)
    files = outline_files(tmp_path, project)
    assert [f.path.name for f in files] == ["cells_tif.tif", "cells_tiff.tif"]
