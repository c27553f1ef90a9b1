"""ROIs of ImageJ; their pixels are those that ImageJ itself selects."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiwrite

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines import find_outline_format, imagej
from napari_synthseg.io.outlines.base import LeftOut
from napari_synthseg.io.sniffing import SniffedFile
from tests.helpers.outlines import box, drawn, read, read_nonsense, read_one

CORNERS = [[10, 5], [20, 5], [20, 9], [10, 9]]
"""x, y"""


def roi(points: Any = CORNERS, kind: ROI_TYPE = ROI_TYPE.POLYGON, **fields: Any) -> ImagejRoi:
    made = ImagejRoi.frompoints(np.array(points))
    made.roitype = kind
    made.name = ""
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def rectangle(kind: ROI_TYPE = ROI_TYPE.RECT, **fields: Any) -> ImagejRoi:
    made = ImagejRoi(roitype=kind, top=5, left=10, bottom=9, right=20, version=229)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def saved(folder: Path, *rois: ImagejRoi) -> Path:
    if len(rois) == 1:
        rois[0].tofile(folder / "one.roi")
        return folder / "one.roi"
    roiwrite(folder / "RoiSet.zip", list(rois), name=[f"r{n}" for n in range(len(rois))], mode="w")
    return folder / "RoiSet.zip"


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
def test_areas_are_counted_from_the_corner(tmp_path: Path, kind: ROI_TYPE) -> None:
    for points in (CORNERS, np.array(CORNERS) + 0.25):
        (outline,) = read_one(saved(tmp_path, roi(points, kind))).outlines
        assert (drawn(outline.area) == box(5, 10, 9, 20)).all()
        assert not outline.is_box and outline.cls == "" and outline.plane == {}


def test_points_are_counted_from_the_center(tmp_path: Path) -> None:
    for points in ([(10, 5), (0, 0)], [(10.25, 5.5), (0, 0)]):
        found = read_one(saved(tmp_path, roi(points, ROI_TYPE.POINT))).points
        assert [p.position for p in found] == [(y, x) for x, y in points]


def test_rectangles_are_boxes_unless_round(tmp_path: Path) -> None:
    rounded = rectangle(rounded_rect_arc_size=4)
    first, second, oval = read_one(
        saved(tmp_path, rectangle(), rounded, rectangle(ROI_TYPE.OVAL))
    ).outlines
    assert first.is_box and not second.is_box and not oval.is_box
    assert (drawn(first.area) == box(5, 10, 9, 20)).all()
    assert drawn(second.area).sum() == 4 * 10 - 4
    # as ImageJ draws an oval of 10 by 4
    rows = ["..######..", "##########", "##########", "..######.."]
    shown = [[c == "#" for c in row] for row in rows]
    assert drawn(oval.area)[5:9, 10:20].tolist() == shown and drawn(oval.area).sum() == 32


def test_composites_have_holes(tmp_path: Path) -> None:
    def path_of(x0: float, y0: float, x1: float, y1: float) -> list[float]:
        return [0, x0, y0, 1, x1, y0, 1, x1, y1, 1, x0, y1, 4]

    numbers = path_of(10, 5, 20, 9) + path_of(12, 6, 15, 8) + path_of(30, 5, 32, 7)
    composite = rectangle(
        right=32, shape_roi_size=len(numbers), multi_coordinates=np.array(numbers, np.float32)
    )
    (outline,) = read_one(saved(tmp_path, composite)).outlines
    expected = box(5, 10, 9, 20) & ~box(6, 12, 8, 15) | box(5, 30, 7, 32)
    assert (drawn(outline.area) == expected).all() and not outline.is_box
    curved = [0, 1, 1, 2, 3, 3, 5, 1, 4]
    composite.shape_roi_size = len(curved)
    composite.multi_coordinates = np.array(curved, np.float32)
    assert read_one(saved(tmp_path, composite)).left_out == (LeftOut("outline(s) with curves", ""),)


def test_groups_and_counters_are_classes_and_positions_are_planes(tmp_path: Path) -> None:
    grouped = roi(group=3, z_position=2, t_position=1)
    on_slice = roi(position=4, group=2, props="class: nucleus\nscore: 0.5\n")
    counted = roi([[1, 2], [3, 4]], ROI_TYPE.POINT, counters=np.array([0, 2], np.uint8))
    counted.counter_positions = np.array([5, 0], np.uint32)
    image = read_one(saved(tmp_path, grouped, on_slice, counted))
    assert [(o.cls, o.plane) for o in image.outlines] == [
        ("group 3", {"z": 1, "t": 0}),
        ("nucleus", {"index": 3}),
    ]
    assert [(p.cls, p.plane) for p in image.points] == [
        ("counter 0", {"index": 4}),
        ("counter 2", {}),
    ]
    assert image.outlines[0].where == "RoiSet.zip, ROI 'r0'"


def test_named_rois_keep_their_names(tmp_path: Path) -> None:
    first, second = read_one(saved(tmp_path, roi(name="nucleus"), roi())).outlines
    assert (first.title, second.title) == ("nucleus", "r1")


def test_lines_texts_and_empty_outlines_are_told(tmp_path: Path) -> None:
    image = read_one(
        saved(
            tmp_path,
            roi(kind=ROI_TYPE.POLYLINE, group=2),
            rectangle(subtype=ROI_SUBTYPE.TEXT),
            rectangle(right=10),
            roi(CORNERS[:2]),
        )
    )
    assert image.outlines == image.points == ()
    assert image.left_out == (
        LeftOut("line(s)", "group 2"),
        LeftOut("text(s) or picture(s)"),
        LeftOut("outline(s) without an area"),
        LeftOut("outline(s) without an area"),
    )


def test_other_archives_are_none_of_imagej(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    assert find_outline_format(SniffedFile(path)) is None
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.roi", roi().tobytes())
        archive.writestr("__MACOSX/._a.roi", b"x")
    assert len(read_one(path).outlines) == 1


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagej, "MAX_BYTES", 2**20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(9):
            archive.writestr(f"{n}.roi", bytes(2**17))
    assert path.stat().st_size < 2**13
    with pytest.raises(InputError, match=r"bomb\.zip: its 9 ROIs take more than 1 MB"):
        read(path)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_that_unpack_without_a_bound_are_refused(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("a.roi", bytes(2**20))
    with pytest.raises(InputError, match=r"bomb\.zip, ROI 'a': it is packed in a way"):
        read(path)


@pytest.mark.parametrize(
    ("path", "told"),
    [([0, 1, 1, 1, 5, 1, 7, 3, 3], "command 7"), ([np.inf, 1, 1], "cannot convert float infinity")],
)
def test_a_damaged_path_of_a_combined_roi_is_told(
    tmp_path: Path, path: list[float], told: str
) -> None:
    made = rectangle(multi_coordinates=np.array(path, np.float32), shape_roi_size=len(path))
    with pytest.raises(InputError, match=rf"its outline cannot be read \(.*{told}.*\): save it"):
        read(saved(tmp_path, made))


def test_a_path_that_ends_in_the_middle_is_told(tmp_path: Path) -> None:
    # a composite whose path says "move to" and no place
    content = bytearray(
        b"Iout\0\xe5\1\0\0\5\0\n\0\n\0\x15\0\4" + bytes(18) + b"\0\0\0\1" + bytes(24)
        + bytes(4)
    )  # fmt: skip
    path = tmp_path / "a.roi"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.roi, ROI 'a': its outline cannot be read"):
        read(path)


@pytest.mark.parametrize("cut", [30, 70, 200])
def test_cut_files_are_told(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path, roi(np.random.default_rng(0).uniform(0, 40, (50, 2))))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"one\.roi, ROI 'one': not a ROI"):
        read(path)
    whole = saved(tmp_path, roi(), roi())
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"RoiSet\.zip: not a zip archive"):
        read(whole)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_changed_bytes_are_bad_input_or_another_roi(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        made = roi() if data.draw(st.booleans()) else rectangle(ROI_TYPE.OVAL)
        path = saved(Path(folder), made, *[roi()] * data.draw(st.integers(0, 1)))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(4, len(content)))])
        read_nonsense("imagej", path)
