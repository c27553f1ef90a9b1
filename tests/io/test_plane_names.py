"""Pictures of planes: which plane of which stack a name means, and from where it counts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.base import OutlinedImage
from napari_synthseg.io.plane_names import PlaneNames, Stack

VOLUME = ImageRef(id="v", uri="d/v.tif", name="v.tif", axes="zyx")
PLANES = tuple(
    ImageRef(id=f"s{z}", uri="d/s.ome.tif", name="s.ome.tif", axes="zyx", plane={"z": z})
    for z in range(4)
)
FILMED = tuple(
    ImageRef(id=f"f{t}", uri="d/f.tif", name="f.tif", axes="tzyx", plane={"t": t}) for t in (0, 1)
)
FOLDER = ImageRef(id="d", uri="d/planes", name="planes", axes="zyx")
FLAT = ImageRef(id="a", uri="d/v_009.tif", name="v_009.tif")
EVERY = (VOLUME, *PLANES, *FILMED, FOLDER, FLAT)


def stack_of(ref: ImageRef) -> Stack:
    if ref.id == "d":
        return Stack({"z": 3}, ("p 1.tif", "p 2.tif", "p 10.tif"))
    return Stack({"t": 2, "z": 9} if ref.axes == "tzyx" else {"z": 4 if ref.plane else 9})


def found(
    *names: str, images: Sequence[ImageRef] = EVERY, first: int | None = None
) -> list[tuple[str, dict[str, int]] | None]:
    listed = [OutlinedImage(f"image {n}", name) for n, name in enumerate(names, start=1)]
    planes = PlaneNames(images, stack_of).find(listed, first)
    return [(each.ref.id, dict(each.plane)) if each else None for each in planes]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("v_z003.png", ("v", {"z": 3})),
        ("images/V003.PNG", ("v", {"z": 3})),
        ("v - slice 3.jpg", ("v", {"z": 3})),
        ("0123abcd-v_z003.png", ("v", {"z": 3})),
        ("s_z3.png", ("s3", {"z": 3})),
        ("s.ome_z3.png", ("s3", {"z": 3})),
        ("f_t01_z003.png", ("f1", {"t": 1, "z": 3})),
    ],
)
def test_names_say_plane_and_time(name: str, where: tuple[str, dict[str, int]]) -> None:
    assert found(name, name.replace("3", "0").replace("01", "00"))[0] == where


def test_all_numbers_together_tell_from_where_they_count() -> None:
    assert found("v_0.png", "v_8.png") == [("v", {"z": 0}), ("v", {"z": 8})]
    assert found("v_1.png", "v_9.png") == [("v", {"z": 0}), ("v", {"z": 8})]
    with pytest.raises(
        InputError, match=r"image 1: names such as 'v_3.png' do not tell .*first-pl"
    ):
        found("v_3.png", "v_8.png")
    assert found("v_3.png", first=1) == [("v", {"z": 2})]
    assert found("v_3.png", first=0) == [("v", {"z": 3})]
    with pytest.raises(InputError, match=r"are of planes 0 to 9, but 'v.tif' has 9 along z"):
        found("v_0.png", "v_9.png")
    with pytest.raises(InputError, match=r"are of planes 0 to 0, but"):
        found("v_0.png", first=1)


def test_names_of_this_program_count_from_0_as_long_as_they_can() -> None:
    assert found("s.ome_z1.tif", "s.ome_z2.tif") == [("s1", {"z": 1}), ("s2", {"z": 2})]
    one = found(*(f"s.ome_z{n}.tif" for n in (1, 2, 3, 4)))
    assert [each and each[0] for each in one] == ["s0", "s1", "s2", "s3"]


def test_files_of_a_folder_are_its_planes_whatever_their_numbers() -> None:
    assert found("p 10.tif", "P 1.png") == [("d", {"z": 2}), ("d", {"z": 0})]


def test_what_is_an_image_or_no_plane_is_left_alone() -> None:
    assert found("v_009.tif", "v_009.png") == [None, None]
    assert found("v.tif", "v.png", "w_z003.png", "vz003x.png", "v_t003.png", "") == [None] * 6
    assert found("f_003.png") == [None]  # along t or z?
    assert found("v_z003.png", images=[FLAT]) == [None]
    assert found("s_z3.png", "s_z0.png", images=PLANES[:2]) == [None, ("s0", {"z": 0})]


def test_a_stack_whose_file_is_gone_bothers_only_what_is_named_after_it() -> None:
    def stack_or_error(ref: ImageRef) -> Stack:
        if ref.uri == "d/s.ome.tif":
            raise InputError("'d/s.ome.tif' is missing")
        return stack_of(ref)

    planes = PlaneNames(EVERY, stack_or_error)
    listed = [OutlinedImage("", name) for name in ("v_009.tif", "v_z0.png", "v_z8.png", "w.png")]
    planes_found = [each and dict(each.plane) for each in planes.find(listed)]
    assert planes_found == [None, {"z": 0}, {"z": 8}, None]
    with pytest.raises(InputError, match="is missing"):
        planes.find([OutlinedImage("", "s_z3.png")])


def test_thousands_of_names_are_told_apart_in_a_moment() -> None:
    count = 2000
    frames = [
        ImageRef(id=f"{z}", uri="d/m.tif", name="m.tif", axes="zyx", plane={"z": z})
        for z in range(count)
    ]
    began = time.process_time()
    planes = PlaneNames(frames, lambda _: Stack({"z": count}))
    listed = [OutlinedImage("", f"m_z{z}.tif") for z in range(count)]
    found = planes.find(listed)
    assert [each and each.ref.id for each in found] == [ref.id for ref in frames]
    assert time.process_time() - began < 10


def test_a_plane_of_two_stacks_is_refused() -> None:
    other = VOLUME.model_copy(update={"id": "w", "uri": "e/v.tif"})
    with pytest.raises(InputError, match=r"image 1: 'v_z003.png' may be a plane of 'v.tif' or of"):
        found("v_z003.png", images=[VOLUME, other])
