"""To which images, planes and classes of a project outlines belong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.naming import UnknownNameError
from napari_synthseg.io.outlines.areas import rectangle
from napari_synthseg.io.outlines.base import (
    NO_AREA,
    LeftOut,
    ListedOutline,
    ListedPoint,
    OutlinedImage,
)
from napari_synthseg.io.outlines.on_images.placing import (
    OutlineNaming,
    PlacedOutlines,
    place_outlines,
)
from napari_synthseg.io.plane_names import Stack

SHAPE = (40, 60)
CLASSES = (ObjectClass(name="nucleus", value=1), ObjectClass(name="debris", value=2))
FLAT = (
    ImageRef(id="a", uri="a.tif", name="a.tif"),
    ImageRef(id="left", uri="b.tif", name="b.tif", region=((0, 40), (0, 30))),
    ImageRef(id="right", uri="b.tif", name="b.tif", region=((0, 30), (30, 60))),
)
STACK = tuple(
    ImageRef(id=f"z{z}", uri="s.tif", name="s.tif", axes="zyx", plane={"z": z}) for z in (0, 2, 5)
)
MOVIE = tuple(
    ImageRef(id=f"t{t}", uri="m.tif", name="m.tif", axes="tyx", plane={"t": t}) for t in (0, 1)
)
VOLUME = (ImageRef(id="vol", uri="v.tif", name="v.tif", axes="zyx"),)


def shape_of(ref: ImageRef) -> tuple[int, ...]:
    return (9, *SHAPE) if ref.ndim == 3 else SHAPE


def stack_of(ref: ImageRef) -> Stack:
    """Return a stack of two channels, and of nine planes along z where it is over z and t."""
    return Stack({"t": 3, "z": 9} if ref.axes == "tzcyx" else {}, channels=2)


def outline(*corners: float, cls: str = "nucleus", **fields: Any) -> ListedOutline:
    ymin, xmin, ymax, xmax = corners or (5, 10, 9, 20)
    return ListedOutline("outline 1", cls, rectangle((ymin, xmin, ymax, xmax)), **fields)


def point(y: float, x: float, cls: str = "nucleus", **fields: Any) -> ListedPoint:
    return ListedPoint("point 1", cls, (y, x), **fields)


def place(
    *things: ListedOutline | ListedPoint | LeftOut,
    name: str | None = "a.tif",
    images: tuple[ImageRef, ...] = FLAT,
    classes: tuple[ObjectClass, ...] = CLASSES,
    where: str = "here",
    ids: Any = None,
    size: Any = None,
    **names: Any,
) -> PlacedOutlines:
    image = OutlinedImage.of(where, name, things, size)
    if ids is not None:
        image = OutlinedImage(where, name, ids=ids)
    project = Project(images=images, classes=classes)
    return place_outlines([image], project, shape_of, stack_of, OutlineNaming(**names))


def test_outlines_go_to_the_region_that_holds_their_middle() -> None:
    placed = place(
        outline(0, 0, 9, 9), outline(0, 29, 9, 49), outline(31, 40, 39, 50), name="b.tif"
    )
    assert {i: len(areas) for i, areas in placed.areas.items()} == {"left": 1, "right": 1}
    assert placed.outside == 1 and placed.images == ["left", "right"]


def test_what_reaches_beyond_the_image_is_cut_and_told() -> None:
    placed = place(outline(-5, 50, 5, 65), outline(0, 0, 40, 60))
    assert (len(placed.areas["a"]), placed.cut) == (2, 1)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((-0.5, -0.5), (-0.5, -0.5)),
        ((39.5, 59.5), (39, 59)),
        ((40, 60), (39, 59)),
        ((-0.9, 3), (0, 3)),
        ((5.5, 7.25), (5.5, 7.25)),
    ],
)
def test_points_within_half_a_pixel_of_the_border_are_inside(at: Any, expected: Any) -> None:
    (click,) = place(point(*at)).clicks
    assert (click.position, click.image, click.cls) == (expected, "a", 1)


def test_classes_are_found_by_name_title_or_option() -> None:
    placed = place(
        outline(cls="Type 1"),
        outline(cls="junk"),
        point(900, 900, cls="", title="calib1"),
        outline(cls=""),
        outline(cls="", title="debris"),
        point(3, 4, cls="", title="0012-0007"),
        rename={"Type 1": "debris"},
        ignored=["junk", "calib1"],
        class_name="nucleus",
    )
    assert [area.value for area in placed.areas["a"]] == [2, 1, 2]
    assert [c.cls for c in placed.clicks] == [1] and placed.ignored == 2
    only = place(outline(cls=""), classes=CLASSES[:1])
    assert [area.value for area in only.areas["a"]] == [1]
    with pytest.raises(
        InputError, match=r"outline 1: it has no class.*2 \(nucleus, debris\).*--cl"
    ):
        place(outline(cls="", title="thing"))
    with pytest.raises(UnknownNameError, match=r"outline 1: class 'cell' is not in the project"):
        place(outline(cls="cell"))


@pytest.mark.parametrize("where", ["a.roi", "a_rois.zip", "a_RoiSet.zip", "a_seg.npy"])
def test_files_that_name_no_image_are_named_as_theirs(where: str) -> None:
    assert place(outline(), name=None, where=where).images == ["a"]


def test_a_single_image_needs_no_name() -> None:
    assert place(outline(), name=None, where="RoiSet.zip", images=FLAT[1:]).images == ["left"]
    with pytest.raises(UnknownNameError, match=r"RoiSet\.zip: the file names no image.*--image"):
        place(outline(), name=None, where="RoiSet.zip")
    assert place(outline(), name="c.tif", skip_unknown=True).unknown_images == 1


def test_the_image_that_the_user_names_is_meant_whatever_the_file_says() -> None:
    placed = place(outline(), name="placeholder.tif", images=FLAT[:1], is_told=True)
    assert placed.images == ["a"] and placed.renamed == {"placeholder.tif": "a.tif"}
    with pytest.raises(UnknownNameError, match=r"image 'placeholder.tif' is not in the project"):
        place(outline(), name="placeholder.tif", is_told=True)


def test_images_without_an_object_are_empty_unless_something_was_left_out() -> None:
    assert place().areas == {"a": []}
    placed = place(LeftOut("crowd(s)", "debris"))
    assert (placed.areas, placed.unseen_images, placed.left_out) == ({}, 1, {"crowd(s)": 1})
    placed = place(LeftOut(NO_AREA))
    assert (placed.areas, placed.unseen_images, placed.left_out) == ({}, 1, {NO_AREA: 1})
    assert place(LeftOut("nucleus outline(s) within cells")).areas == {"a": []}
    assert not place(outline(), LeftOut(NO_AREA)).incomplete
    placed = place(outline(), LeftOut("crowd(s)", "debris"), LeftOut("line(s)", "axon"))
    assert placed.incomplete["a"] == {2}
    assert place(outline(), LeftOut("crowd(s)", "")).incomplete["a"] == {1, 2}
    assert not place(outline(), LeftOut("list(s) of measurements")).incomplete
    assert place(name=None, where="a.zip").areas == {}


def test_planes_of_stacks_and_movies() -> None:
    for plane in ({"z": 2}, {"slice": 2}, {"z": 2, "t": 0}):
        placed = place(outline(plane=plane), point(1, 2, plane=plane), name="s.tif", images=STACK)
        assert placed.images == ["z2"]
    assert place(outline(plane={"slice": 1}), name="m.tif", images=MOVIE).images == ["t1"]
    assert place(outline(plane={"t": 1, "z": 0}), name="m.tif", images=MOVIE).images == ["t1"]
    with pytest.raises(InputError, match=r"outline 1: z is 3, but the project has no such plane"):
        place(outline(plane={"z": 3}), name="s.tif", images=STACK)
    with pytest.raises(
        InputError, match=r"outline 1: 's.tif' is a stack: give the plane along z\."
    ):
        place(outline(), name="s.tif", images=STACK)


def test_an_index_over_all_axes_counts_channels_first_and_times_last() -> None:
    refs = tuple(
        ImageRef(id=f"t{t}z{z}", uri="h.tif", name="h.tif", axes="tzcyx", plane={"t": t, "z": z})
        for t in range(3)
        for z in range(9)
    )
    for index, image in {
        0: "t0z0",
        1: "t0z0",
        2: "t0z1",
        17: "t0z8",
        18: "t1z0",
        53: "t2z8",
    }.items():
        plane = {"index": index}
        placed = place(outline(plane=plane), point(1, 2, plane=plane), name="h.tif", images=refs)
        assert placed.images == [image]
    with pytest.raises(InputError, match=r"on plane 55 of a stack .* 'h.tif' has 54: check"):
        place(outline(plane={"index": 54}), name="h.tif", images=refs)
    movie = tuple(ref for ref in refs if ref.plane["z"] == 4)  # of which one plane is used
    assert place(outline(plane={"index": 26}), name="h.tif", images=movie).images == ["t1z4"]


def test_a_plane_on_a_flat_image_is_refused() -> None:
    assert place(outline(plane={"z": 0, "t": 0})).images == ["a"]
    channels = (ImageRef(id="c", uri="c.tif", name="c.tif", axes="cyx"),)
    assert place(outline(plane={"slice": 1}), name="c.tif", images=channels).images == ["c"]
    for said, plane in {"z is 3": {"z": 3}, "t is 1": {"t": 1}, "z is 1": {"slice": 1}}.items():
        with pytest.raises(InputError, match=rf"outline 1: {said}, but 'a.tif' has only one"):
            place(outline(plane=plane))


def test_points_in_volumes_have_a_depth() -> None:
    (click,) = place(point(3, 4, plane={"slice": 6}), name="v.tif", images=VOLUME).clicks
    assert click.position == (6, 3, 4)
    with pytest.raises(InputError, match=r"'v.tif' is a volume, but the point is on no slice"):
        place(point(3, 4), name="v.tif", images=VOLUME)
    with pytest.raises(InputError, match=r"the point \(9, 3, 4\) lies outside image 'v.tif' \(9 x"):
        place(point(3, 4, plane={"z": 9}), name="v.tif", images=VOLUME)


def test_outlines_in_volumes_lie_on_a_slice() -> None:
    (area,) = place(outline(plane={"slice": 6}), name="v.tif", images=VOLUME).areas["vol"]
    assert area.plane == 6
    with pytest.raises(InputError, match=r"used as a volume, but the outline is on no slice"):
        place(outline(), name="v.tif", images=VOLUME)
    with pytest.raises(InputError, match=r"it lies on slice 9 \(from 0\), and 'v.tif' has 9"):
        place(outline(plane={"z": 9}), name="v.tif", images=VOLUME)


def test_label_images_fit_their_image() -> None:
    ids = np.ones(SHAPE, np.int32)
    placed = place(ids=ids, name="b.tif")
    assert list(placed.ids) == ["left", "right"] and placed.ids["left"] is ids
    with pytest.raises(InputError, match=r"its masks have the shape \(2, 3\), image 'a.tif' has"):
        place(ids=np.ones((2, 3), np.int32))
    assert place(ids=np.ones((9, *SHAPE), np.int32), name="v.tif", images=VOLUME).images == ["vol"]


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match=r"drawn on 20 x 30 pixels \(y, x\), but 'a.tif' has 40 x"):
        place(outline(), size=(20, 30))
    with pytest.raises(InputError, match=r"outline 1: the outline \(y 50 to 55, .*lies outside"):
        place(outline(50, 2, 55, 9))
    with pytest.raises(InputError, match=r"point 1: the point \(3, 60.1\) lies outside"):
        place(point(3, 60.1))


def test_a_name_with_the_digits_of_label_studio_is_told() -> None:
    placed = place(outline(), name="0123abcd-a.tif")
    assert placed.images == ["a"]
    assert placed.renamed == {"0123abcd-a.tif": "a.tif"}
