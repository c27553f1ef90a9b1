from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click, ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.io.left_out import Naming
from napari_synthseg.io.points.clicks import read_clicks, read_points, write_clicks

PROJECT = Project(
    images=(
        ImageRef(id="a", uri="data/a.tif", name="a.tif"),
        ImageRef(id="left", uri="b.tif", name="b.tif", region=((0, 50), (0, 40))),
        ImageRef(id="right", uri="b.tif", name="b.tif", region=((0, 50), (40, 80))),
        ImageRef(id="z0", uri="s.tif", name="s.tif", axes="zyx", plane={"z": 0}),
        ImageRef(id="z1", uri="s.tif", name="s.tif", axes="zyx", plane={"z": 1}),
        ImageRef(id="vol", uri="v.tif", name="v.tif", axes="zyx"),
    ),
    classes=(ObjectClass(name="nucleus", value=1), ObjectClass(name="debris", value=2)),
)


def shape_of(image: ImageRef) -> tuple[int, ...]:
    return (9, 50, 80) if image.ndim == 3 else (50, 80)


def read(folder: Path, text: str | bytes):
    path = folder / "clicks.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_clicks(path, PROJECT, shape_of).clicks


def test_reads_image_class_and_position(tmp_path: Path) -> None:
    first, second = read(tmp_path, "image,class,y,x\na.tif,nucleus,3.5,70\na.tif,debris,0,0\n")
    assert (first.image, first.cls, first.position) == ("a", 1, (3.5, 70.0))
    assert (second.cls, second.position) == (2, (0.0, 0.0))


def test_negative_clicks_are_named_in_place_of_a_class(tmp_path: Path) -> None:
    first, second = read(
        tmp_path, "image,class,y,x,z\na.tif, not an object ,3.5,70,\nv.tif,not an object,1,2,3\n"
    )
    assert (first.image, first.cls, first.position) == ("a", NOT_AN_OBJECT, (3.5, 70.0))
    assert (second.image, second.position) == ("vol", (3.0, 1.0, 2.0))


def test_written_clicks_come_back_the_negative_ones_last(tmp_path: Path) -> None:
    clicks = [
        Click(id="n", image="a", position=(3.0, 4.0), cls=NOT_AN_OBJECT),
        Click(id="k", image="left", position=(5.5, 6.0), cls=2),
        Click(id="v", image="vol", position=(1.0, 2.0, 3.0), cls=NOT_AN_OBJECT),
        Click(id="m", image="z1", position=(7.0, 8.0), cls=1),
    ]
    path = tmp_path / "clicks.csv"
    write_clicks(path, PROJECT.with_clicks(*clicks))
    back = read_clicks(path, PROJECT, shape_of).clicks
    assert [(c.image, c.cls, c.position) for c in back] == [
        (c.image, c.cls, c.position) for c in (clicks[1], clicks[3], clicks[0], clicks[2])
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffimage,class,y,x\r\na.tif,nucleus,3.5,7\r\n",
        "Image; Class ;Y;X\n a.tif ; nucleus;3,5; 7\n",
        "class\timage\tx\ty\n\nnucleus\ta.tif\t7\t3.5\n\t\t\t\n",
        'image,class,y,x\n"a.tif","nucleus","3.5",7',
    ],
    ids=["bom", "semicolons and decimal comma", "tabs and blank rows", "quotes"],
)
def test_forgives_spelling(tmp_path: Path, text: str) -> None:
    (click,) = read(tmp_path, text)
    assert (click.image, click.cls, click.position) == ("a", 1, (3.5, 7.0))


def test_finds_the_region_plane_or_volume_that_holds_the_click(tmp_path: Path) -> None:
    rows = "b.tif,nucleus,3,10,\nb.tif,nucleus,3,60,\ns.tif,nucleus,3,3,1\nv.tif,nucleus,3,4,8\n"
    clicks = read(tmp_path, "image,class,y,x,z\n" + rows)
    assert [c.image for c in clicks] == ["left", "right", "z1", "vol"]
    assert clicks[2].position == (3.0, 3.0)
    assert clicks[3].position == (8.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "row 1: column 'image' is missing"),
        ("image,class,y,x\n", "no click"),
        ("image,class,y\na.tif,nucleus,1\n", "column 'x' is missing"),
        ("image,class,y,x,slice\na.tif,nucleus,1,1,0\n", "column 'slice' is not known"),
        ("image,class,y,x,x\na.tif,nucleus,1,1,0\n", "column 'x' is there twice"),
        ("image,class,y,x\na.tif,nucleus,1\n", "row 2: 3 values"),
        ("image,class,y,x\nc.tif,nucleus,1,1\n", "row 2: image 'c.tif' is not in the project"),
        ("image,class,y,x\nother.tif,nucleus,1,1\n", "Write the name of its file"),
        ("image,class,y,x\na.tif,cell,1,1\n", "class 'cell' is not in the project (classes: nu"),
        ("image,class,y,x\na.tif,nucleus,one,1\n", "row 2: y is 'one'"),
        ("image,class,y,x\na.tif,nucleus,1,nan\n", "x is 'nan'"),
        ("image,class,y,x\na.tif,nucleus,1,\n", "x is ''"),
        ("image,class,y,x\na.tif,nucleus,60,20\n", "y 0 to 49, x 0 to 79"),
        ("image,class,y,x\na.tif,nucleus,-1,20\n", "outside image 'a.tif'"),
        ("image,class,y,x\na.tif,nucleus,1,2\na.tif,debris,1,2\n", "row 3: this place is listed"),
        ("image,class,y,x\na.tif,nucleus,1,2\na.tif,not an object,1,2\n", "row 3: this place"),
        ("image,class,y,x\na.tif,,1,2\n", "row 2: class '' is not in the project"),
        ("image,class,y,x\ns.tif,nucleus,1,2\n", "is a stack"),
        ("image,class,y,x,z\ns.tif,nucleus,1,2,4\n", "no such plane"),
        ("image,class,y,x\nv.tif,nucleus,1,2\n", "is a volume"),
        (b"image,\xe4", "save it as 'CSV UTF-8'"),
    ],
)
def test_names_file_row_and_remedy(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert told in str(caught.value)
    assert "clicks.csv" in str(caught.value)


def test_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        read_clicks(tmp_path / "none.csv", PROJECT, shape_of)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='image,class;yx\n\t"0.5-e naf\x00ü', max_size=80))
def test_any_text_is_read_or_refused_in_words(tmp_path: Path, text: str) -> None:
    try:
        clicks = read(tmp_path, "image,class,y,x\n" + text)
    except InputError as error:
        assert "clicks.csv" in str(error)
    else:
        assert all(math.isfinite(p) for click in clicks for p in click.position)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.sets(
        st.tuples(st.floats(0, 49, width=32), st.floats(0, 79, width=32)), min_size=1, max_size=20
    )
)
def test_written_positions_come_back_exactly(
    tmp_path: Path, points: set[tuple[float, float]]
) -> None:
    rows = [f"a.tif,nucleus,{y!r},{x!r}" for y, x in points]
    clicks = read(tmp_path, "\n".join(["image,class,y,x", *rows]))
    assert {c.position for c in clicks} == points


def movie(name: str, axes: str, frames: int, planes: int = 0) -> tuple[ImageRef, ...]:
    """Return the images of a movie, plane by plane where it has several along z."""
    return tuple(
        ImageRef(
            id=f"{name}{t}" + (f"z{z}" if planes else ""),
            uri=f"{name}.tif",
            name=f"{name}.tif",
            axes=axes,
            plane={"t": t} | ({"z": z} if planes else {}),
        )
        for t in range(frames)
        for z in range(planes or 1)
    )


MOVIES = Project(
    images=(
        *movie("m", "tyx", 3),
        *movie("c", "tcyx", 2),
        *movie("s", "tzyx", 2, 2),
        ImageRef(id="flat", uri="flat.tif", name="flat.tif"),
        ImageRef(id="vol", uri="vol.tif", name="vol.tif", axes="zyx"),
    ),
    classes=(ObjectClass(name="nucleus", value=1),),
)


def placed(folder: Path, text: str) -> list[tuple[str, tuple[float, ...]]]:
    path = folder / "clicks.csv"
    path.write_text(text)
    return [(c.image, c.position) for c in read_clicks(path, MOVIES, shape_of).clicks]


def test_times_and_planes_choose_the_image(tmp_path: Path) -> None:
    rows = "m.tif,nucleus,2,,3,4\nm.tif,nucleus,0,0,3,4\ns.tif,nucleus,1,0,5,6\n"
    assert placed(tmp_path, "image,class,t,z,y,x\n" + rows) == [
        ("m2", (3.0, 4.0)),
        ("m0", (3.0, 4.0)),
        ("s1z0", (5.0, 6.0)),
    ]
    assert placed(tmp_path, "image,class,y,x\nm_t1.tif,nucleus,3,4\n") == [("m1", (3.0, 4.0))]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("m.tif,nucleus,,,3,4", "'m.tif' is a movie: give the time in a column t"),
        ("s.tif,nucleus,1,,3,4", "'s.tif' is a stack: give the plane along z in a column z"),
        ("m.tif,nucleus,7,,3,4", "t is 7, but the project has no such time of 'm.tif' (it has 0"),
        ("m.tif,nucleus,1,2,3,4", "z is 2, but 'm.tif' has only one plane along z"),
        ("flat.tif,nucleus,,3,3,4", "z is 3, but 'flat.tif' has only one plane along z"),
        ("flat.tif,nucleus,1,,3,4", "t is 1, but 'flat.tif' has only one time"),
        ("vol.tif,nucleus,1,2,3,4", "t is 1, but 'vol.tif' has only one time"),
    ],
)
def test_a_position_without_a_place_is_never_dropped(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        placed(tmp_path, f"image,class,t,z,y,x\n{row}\n")
    assert "clicks.csv, row 2: " in str(caught.value) and told in str(caught.value)


def test_the_first_plane_and_time_are_those_of_a_flat_image(tmp_path: Path) -> None:
    text = "image,class,t,z,y,x\nflat.tif,nucleus,0,0,3,4\nvol.tif,nucleus,0,2,3,4\n"
    assert placed(tmp_path, text) == [("flat", (3.0, 4.0)), ("vol", (2.0, 3.0, 4.0))]


def points(folder: Path, image: str, *rows: str, axes: str | None = None) -> tuple[list, str]:
    count = rows[0].count(",") + 1
    head = ",".join(f"axis-{n}" for n in range(count))
    path = folder / "points.csv"
    path.write_text("\n".join([f"index,{head}", *(f"{n},{row}" for n, row in enumerate(rows))]))
    clicks, told = read_points(path, MOVIES, shape_of, image=image, axes=axes)
    return [(c.image, c.position) for c in clicks], told


@pytest.mark.parametrize(
    ("image", "rows", "axes", "expected"),
    [
        ("m.tif", ("2,3,4",), None, ("m2", (3.0, 4.0))),
        ("c.tif", ("1,0,3,4",), None, ("c1", (3.0, 4.0))),  # with the channel
        ("c.tif", ("1,3,4",), None, ("c1", (3.0, 4.0))),  # and without
        ("s.tif", ("1,0,3,4",), None, ("s1z0", (3.0, 4.0))),
        ("s.tif", ("1,0,3,4",), "ztyx", ("s0z1", (3.0, 4.0))),
        ("flat.tif", ("0,3,4",), None, ("flat", (3.0, 4.0))),
        ("vol.tif", ("2.4,3,4",), None, ("vol", (2.4, 3.0, 4.0))),
        ("m.tif", ("3,4,2",), "yxt", ("m2", (3.0, 4.0))),
    ],
)
def test_axes_of_points_are_those_of_the_image(
    tmp_path: Path, image: str, rows: tuple[str, ...], axes: str | None, expected: Any
) -> None:
    found, told = points(tmp_path, image, *rows, axes=axes)
    assert found == [expected]
    assert told.startswith("axis-0 is ") and "--axes" in told


@pytest.mark.parametrize(
    ("image", "row", "axes", "told"),
    [
        ("s.tif", "1,3,4", None, "points have 3 axes, but image 's.tif' has t, z, y, x"),
        ("flat.tif", "2,3,4", None, "z is 2, but 'flat.tif' has only one plane"),
        ("m.tif", "3,4", None, "'m.tif' is a movie"),
        ("m.tif", "2,3,4", "tzy", "--axes tzy: points.csv has 3 axes"),
        ("m.tif", "2,3,4", "qyx", "--axes qyx: 'q' is none of"),
    ],
)
def test_axes_that_do_not_fit_are_asked_for(
    tmp_path: Path, image: str, row: str, axes: str | None, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        points(tmp_path, image, row, axes=axes)
    assert told in str(caught.value)


def test_clicks_on_frames_come_back(tmp_path: Path) -> None:
    clicks = [Click(image=i.id, position=(n, 2.5), cls=1) for n, i in enumerate(MOVIES.images[:9])]
    path = tmp_path / "clicks.csv"
    write_clicks(path, MOVIES.with_clicks(*clicks))
    back = read_clicks(path, MOVIES, shape_of).clicks
    assert [(c.image, c.position) for c in back] == [(c.image, c.position) for c in clicks]


def test_images_and_classes_of_a_table_are_settled_by_options(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(
        "image,class,y,x\na.png,cell,1,2\nzzz.tif,nucleus,1,2\na.png,junk,3,4\n", "utf-8"
    )
    naming = Naming(rename={"cell": "nucleus"}, ignored=["junk"])
    found = read_clicks(path, PROJECT, shape_of, replace(naming, skip_unknown=True))
    assert [(c.image, c.cls, c.position) for c in found.clicks] == [("a", 1, (1.0, 2.0))]
    assert (found.ignored, found.unknown_images) == (1, 1)
    assert found.notes == ["'a.png' was taken for 'a.tif'"]
    with pytest.raises(InputError, match=r"row 3: image 'zzz.tif' is not in the project"):
        read_clicks(path, PROJECT, shape_of, naming)
    path.write_text("image,class,y,x\nzzz.tif,nucleus,1,2\n", "utf-8")
    with pytest.raises(InputError, match="no row of it is of an image and a class of the project"):
        read_clicks(path, PROJECT, shape_of, Naming(skip_unknown=True))
