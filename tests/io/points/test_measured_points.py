"""Tables of ImageJ and QuPath: whose unit is said, asked for, or never a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.left_out import Naming
from napari_synthseg.io.points.clicks import ReadClicks
from napari_synthseg.io.points.measured_points import find_positions, is_measured, read_measured

SHAPE = (50, 80)
CELL, DEAD = ObjectClass(name="cell", value=1), ObjectClass(name="dead", value=2)
PLAIN = ImageRef(id="p", uri="d/plain.tif", name="plain.tif")
CALIBRATED = ImageRef(id="c", uri="d/c.tif", name="c.tif", pixel_size=(0.25, 0.5), unit="um")
FRAMES = tuple(
    ImageRef(id=f"t{n}", uri="d/m.tif", name="m.tif", axes="tyx", plane={"t": n}) for n in range(3)
)

HEADER = " ,Area,Mean,X,Y,Slice,Counter,Count\n"


def read(
    folder: Path,
    text: str,
    *images: ImageRef,
    classes: tuple[ObjectClass, ...] = (CELL,),
    shape: tuple[int, ...] = SHAPE,
    **how: Any,
) -> ReadClicks:
    path = folder / "Results.csv"
    path.write_text(text, encoding="utf-8")
    project = Project(images=images, classes=classes)
    return read_measured(path, project, lambda _: shape, **how)


def places(found: ReadClicks) -> list[tuple[str, tuple[float, ...], int]]:
    return [(click.image, click.position, click.cls) for click in found.clicks]


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        (["", "area", "x", "y"], ""),
        (["centroid x µm", "centroid y µm"], "µm"),
        (["centroid x px", "centroid y px", "centroid x µm", "centroid y µm"], "px"),
        (["x (microns)", "y (microns)"], "microns"),
        (["x [px]", "y [px]"], "px"),
        (["x_um", "y_um", "x", "y"], "um"),
        (["centroid-0", "centroid-1"], "px"),
    ],
)
def test_columns_and_their_unit(header: list[str], unit: str) -> None:
    found = find_positions(header)
    assert found is not None and found.unit == unit


@pytest.mark.parametrize(
    "header",
    [["x"], ["xm", "ym"], ["x mean", "y mean"], ["x um", "y px"], ["axis-0", "axis-1"], []],
)
def test_other_columns_are_no_positions(header: list[str]) -> None:
    assert find_positions(header) is None


def test_our_own_tables_are_not_measured() -> None:
    assert not is_measured(["image", "class", "y", "x"])
    assert is_measured(["", "x", "y"])
    for name in ("type", "label", "category"):  # the class by another name is told, not passed over
        assert not is_measured(["image", name, "y", "x"])
        assert is_measured(["image", name, "counter", "y", "x"])
    assert is_measured(["image", "area", "y", "x"])


def test_results_of_imagej_in_pixels(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + "1,0,9,10.5,20.5,1,0,1\n", PLAIN)
    assert places(found) == [("p", (20.0, 10.0), 1)]
    assert "taken for pixels" in found.notes[0]


def test_a_unit_that_is_not_said_is_asked_for(tmp_path: Path) -> None:
    text = HEADER + "1,0,9,10.5,5.5,1,0,1\n"
    with pytest.raises(InputError, match=r"pixels of 0\.5 um: give --unit px or --unit um"):
        read(tmp_path, text, CALIBRATED)
    assert places(read(tmp_path, text, CALIBRATED, unit="px")) == [("c", (5.0, 10.0), 1)]
    in_um = read(tmp_path, text, CALIBRATED, unit="um")
    assert places(in_um) == [("c", (21.5, 20.5), 1)]  # 5.5 / 0.25 - 0.5, 10.5 / 0.5 - 0.5
    assert "in um were turned into pixels" in in_um.notes[0]
    assert places(read(tmp_path, text, CALIBRATED, unit="µm")) == places(in_um)


def test_positions_that_lie_outside_in_um_are_pixels(tmp_path: Path) -> None:
    text = HEADER + "1,0,9,10.5,5.5,1,0,1\n2,0,9,70.5,5.5,1,0,1\n"  # the image is 40 um wide
    found = read(tmp_path, text, CALIBRATED)
    assert [at for _, at, _ in places(found)] == [(5.0, 10.0), (5.0, 70.0)]
    assert "positions are pixels" in found.notes[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.floats(0, 49), st.floats(0, 79))
def test_what_is_measured_in_a_length_comes_back_in_pixels(
    tmp_path: Path, y: float, x: float
) -> None:
    row = f"c.tif,cell,{(x + 0.5) * 0.5 / 1000!r},{(y + 0.5) * 0.25 / 1000!r}\n"
    found = read(tmp_path, "Image,Class,Centroid X mm,Centroid Y mm\n" + row, CALIBRATED)
    assert found.clicks[0].position == pytest.approx((y, x), abs=1e-9)


def test_semicolons_with_decimal_commas(tmp_path: Path) -> None:
    text = HEADER.replace(",", ";") + "1;0;9;10,5;5,25;1;0;1\n"
    assert places(read(tmp_path, text, PLAIN)) == [("p", (4.75, 10.0), 1)]


def test_a_length_needs_the_size_of_a_pixel(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in um, but image 'plain\.tif' does not say"):
        read(tmp_path, "X (um),Y (um)\n1,2\n", PLAIN)
    with pytest.raises(InputError, match="--unit parsec"):
        read(tmp_path, "X,Y\n1,2\n", PLAIN, unit="parsec")


def test_detections_of_qupath_name_image_and_class(tmp_path: Path) -> None:
    head = "Image\tObject ID\tClass\tParent\tCentroid X µm\tCentroid Y µm\n"
    rows = "c.tif\tq\tdead\tRoot\t5\t2.5\nother.tif\tr\tcell\tRoot\t1\t1\nc.tif\ts\tx\tRoot\t1\t1\n"
    naming = Naming(skip_unknown=True, ignored=["x"])
    found = read(tmp_path, head + rows, CALIBRATED, classes=(CELL, DEAD), naming=naming)
    assert places(found) == [("c", (9.5, 9.5), 2)]
    assert (found.ignored, found.unknown_images) == (1, 1)


def test_counters_of_imagej_are_classes_on_request(tmp_path: Path) -> None:
    text = HEADER + "1,0,9,10.5,5.5,1,0,2\n2,0,9,20.5,5.5,1,1,2\n"
    both: Any = {"classes": (CELL, DEAD)}
    with pytest.raises(InputError, match="counter 0: say by --rename 0=CLASS"):
        read(tmp_path, text, PLAIN, **both)
    found = read(tmp_path, text, PLAIN, naming=Naming(rename={"0": "dead", "1": "cell"}), **both)
    assert [cls for _, _, cls in places(found)] == [2, 1]
    found = read(tmp_path, text, PLAIN, class_name="dead", **both)
    assert [cls for _, _, cls in places(found)] == [2, 2]


def test_labels_of_imagej_name_the_image_where_there_are_several(tmp_path: Path) -> None:
    text = " ,Label,X,Y\n1,plain.tif:0001-0010,10.5,5.5\n2,plain.tif,1.5,1.5\n"
    found = read(tmp_path, text, PLAIN, CALIBRATED)
    assert [image for image, _, _ in places(found)] == ["p", "p"]
    with pytest.raises(InputError, match="say which by --image"):
        read(tmp_path, "X,Y\n1,1\n", PLAIN, CALIBRATED)


def test_slices_count_from_1_and_belong_to_the_axis_there_is(tmp_path: Path) -> None:
    text = HEADER + "1,0,9,10.5,5.5,3,0,1\n"
    assert places(read(tmp_path, text, *FRAMES)) == [("t2", (5.0, 10.0), 1)]
    with pytest.raises(InputError, match=r"row 2: z is 2, but 'plain\.tif' has only one plane"):
        read(tmp_path, text, PLAIN)


VOLUME = ImageRef(
    id="v", uri="d/v.tif", name="v.tif", axes="zyx", pixel_size=(2, 0.25, 0.5), unit="um"
)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("Label,X,Y,Z\nv.tif,5.5,10.5,4\n", (3, 10, 5)),
        ("centroid-0,centroid-1,centroid-2\n3,10,5\n", (3, 10, 5)),
        ("centroid-0,centroid-1,centroid-2,slice\n3,10,5,9\n", (3, 10, 5)),
        ("Centroid X um,Centroid Y um,Centroid Z um\n2.75,2.625,7\n", (3, 10, 5)),
        ("X (px),Y (px),Z (px)\n5.5,10.5,3.5\n", (3, 10, 5)),
        ("X,Y,Slice\n5.5,10.5,4\n", (3, 10, 5)),
    ],
)
def test_positions_in_volumes(tmp_path: Path, text: str, position: tuple[float, ...]) -> None:
    unit: Any = {} if "um" in text or "px" in text else {"unit": "px"}
    found = read(tmp_path, text, VOLUME, shape=(9, *SHAPE), **unit)
    assert places(found) == [("v", position, 1)]


def test_planes_without_a_unit_count_from_1_unless_there_is_a_0(tmp_path: Path) -> None:
    for rows, depths in {"5,9,1\n5,9,2\n": [0, 1], "5,9,0\n5,9,2\n": [0, 2]}.items():
        found = read(tmp_path, f"X,Y,Z\n{rows}", VOLUME, shape=(9, *SHAPE), unit="px")
        assert [click.position[0] for click in found.clicks] == depths
        assert any("planes in column z were taken to count" in note for note in found.notes)
    flat = read(tmp_path, "X,Y,Z\n5,9,0\n6,9,7\n", PLAIN)
    assert [click.position for click in flat.clicks] == [(8.5, 4.5), (8.5, 5.5)]
    with pytest.raises(InputError, match=r"z is 3, but 'plain.tif' has only one"):
        read(tmp_path, "centroid-0,centroid-1,centroid-2\n3,10,5\n", PLAIN)


def test_centroids_of_arrays_have_pixel_centers_at_whole_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, "label,centroid-0,centroid-1\n7,5,10\n", PLAIN)
    assert places(found) == [("p", (5.0, 10.0), 1)]
