"""Whatever a file holds: it is read, or refused in words; nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.session import Session

LIMITS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("hostile")
    tifffile.imwrite(folder / "a.tif", np.arange(600, dtype=np.uint16).reshape(20, 30))
    with Session.create(folder / "p.synthseg") as made:
        made.add_images(folder / "a.tif").result()
        made.edit(made.project.with_classes(made.project.next_class("cell")), "class")
        yield made


def take(session: Session, path: Path, **how: Any) -> None:
    """Import a file; only words may come of it."""
    before = session.project
    try:
        session.import_file(
            path, ImportOptions(skip_unknown=how.pop("skip", False), **how)
        ).result()
    except InputError as error:
        assert str(error).strip()
    if session.project is not before:  # else it had nothing to take
        session.undo()


@LIMITS
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.xml", "a.txt", "a.roi", "a.npy"])
def test_bytes(tmp_path: Path, session: Session, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    take(session, tmp_path / name)


NUMBER = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 10**400, 1e308])
SCALAR = st.none() | st.booleans() | NUMBER | st.text(max_size=5)
ANY = st.recursive(
    SCALAR, lambda v: st.lists(v, max_size=7) | st.dictionaries(st.text(max_size=3), v)
)
ANNOTATION = st.fixed_dictionaries(
    {"image_id": st.just(1) | SCALAR, "category_id": st.just("1") | SCALAR},
    optional={
        "bbox": st.lists(NUMBER, max_size=5) | ANY,
        "segmentation": st.lists(st.lists(NUMBER, max_size=9), max_size=2)
        | st.fixed_dictionaries({"size": ANY, "counts": st.lists(NUMBER, max_size=5) | ANY})
        | ANY,
        "keypoints": st.lists(NUMBER, min_size=3, max_size=6) | ANY,
        "iscrowd": SCALAR,
        "attributes": st.dictionaries(st.just("rotation"), NUMBER) | ANY,
    },
)


@LIMITS
@given(annotations=st.lists(ANNOTATION, max_size=3) | ANY, as_clicks=st.booleans())
def test_coco(tmp_path: Path, session: Session, annotations: Any, as_clicks: bool) -> None:
    whole = {
        "images": [{"id": 1, "file_name": "a.tif"}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": annotations,
    }
    (tmp_path / "a.json").write_text(json.dumps(whole))
    take(session, tmp_path / "a.json", as_clicks=as_clicks, add_classes=True)


CELL = st.text(max_size=6) | NUMBER.map(str) | st.sampled_from(["a.tif", "cell", "1", "5.5", ""])
HEADERS = [
    "image,class,y,x,z,t",
    "index,axis-0,axis-1,axis-2",
    " ,Label,X,Y,Slice,Counter",
    "Image,Class,Centroid X µm,Centroid Y µm",
    "image,class,ymin,xmin,ymax,xmax",
    "index,shape-type,vertex-index,axis-0,axis-1",
]


@LIMITS
@given(rows=st.lists(st.lists(CELL, min_size=4, max_size=6), max_size=4))
@pytest.mark.parametrize("header", HEADERS)
def test_tables(tmp_path: Path, session: Session, header: str, rows: list[list[str]]) -> None:
    count = header.count(",") + 1
    lines = [header, *(",".join((row * 2)[:count]) for row in rows)]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8", errors="replace")
    take(session, tmp_path / "a.csv", unit="px" if "X" in header else None)


@LIMITS
@given(cells=st.lists(CELL, min_size=5, max_size=5), tag=st.sampled_from(["bndbox", "robndbox"]))
def test_voc(tmp_path: Path, session: Session, cells: list[str], tag: str) -> None:
    names = ("xmin", "ymin", "xmax", "ymax", "angle") if tag == "bndbox" else (
        "cx", "cy", "w", "h", "angle"
    )  # fmt: skip
    inner = "".join(f"<{n}>{c}</{n}>" for n, c in zip(names, cells, strict=True))
    text = (
        f"<annotation><filename>a.tif</filename><object><name>cell</name><{tag}>{inner}</{tag}>"
        f"<attributes><attribute><name>rotation</name><value>{cells[0]}</value></attribute>"
        "</attributes></object></annotation>"
    )
    (tmp_path / "a.xml").write_text(text, encoding="utf-8", errors="replace")
    take(session, tmp_path / "a.xml")


@LIMITS
@given(names=ANY, line=st.lists(CELL, max_size=8))
def test_yolo(tmp_path: Path, session: Session, names: Any, line: list[str]) -> None:
    folder = tmp_path / "export"
    folder.mkdir(exist_ok=True)
    (folder / "data.yaml").write_text(json.dumps({"names": names}))
    (folder / "a.txt").write_text(" ".join(line), encoding="utf-8", errors="replace")
    take(session, folder)
    take(session, folder / "data.yaml")


def test_boxes_smaller_than_a_tenth_of_a_pixel_make_a_class(
    tmp_path: Path, session: Session
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("image,class,ymin,xmin,ymax,xmax\na.tif,dust,5,5,5.01,5.01\n")
    session.import_file(path, ImportOptions(add_classes=True)).result()
    assert session.project.class_named("dust").diameter == 0.1
    session.undo()
