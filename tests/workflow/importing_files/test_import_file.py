"""The one door by which files of annotations come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import BoxTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.fingerprint import check_fingerprint
from napari_synthseg.workflow.importing_files import ImportOptions, file_kind
from napari_synthseg.workflow.session import Session

Make = Callable[..., Session]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a project of flat images of one shape; it is closed at last."""
    with ExitStack() as stack:

        def project(*names: str, shape: tuple[int, ...] = (60, 80)) -> Session:
            session = stack.enter_context(Session.create(tmp_path / "p.synthseg"))
            for number, name in enumerate(names):
                values = np.random.default_rng(number).integers(0, 99, shape).astype(np.uint8)
                tifffile.imwrite(tmp_path / name, values, photometric="minisblack")
                session.add_images(tmp_path / name).result()
            session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
            return session

        yield project


def coco(path: Path, names: list[str], *annotations: tuple[int, dict[str, Any]]) -> Path:
    whole = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"image_id": n, "category_id": 1, **fields} for n, fields in annotations],
    }
    path.write_text(json.dumps(whole))
    return path


BOX = {"bbox": [10, 20, 8, 6]}
CROWD = {"bbox": [1, 2, 30, 40], "iscrowd": 1}
POINT = {"keypoints": [5.5, 6.5, 2]}


def test_crowds_leave_the_truth_incomplete_and_an_image_of_them_alone_unknown(
    tmp_path: Path, make: Make
) -> None:
    session = make("a.tif", "b.tif", "c.tif")
    path = coco(tmp_path / "c.json", ["a.tif", "b.tif", "c.tif"], (0, BOX), (0, CROWD), (1, CROWD))
    made = session.import_file(path).result()
    a, b, c = session.project.images
    truth = session.project.truth_of(a, "boxes")
    assert isinstance(truth, BoxTruth)
    assert truth.boxes == ((20, 10, 26, 18, 1),)
    assert truth.incomplete == (1,)
    assert session.project.truth_of(b, "boxes") is None
    empty = session.project.truth_of(c, "boxes")
    assert isinstance(empty, BoxTruth) and empty.boxes == () and empty.incomplete == ()
    assert "2 region(s) are marked as crowds" in made.message
    assert "1 image(s) with nothing but these got no boxes" in made.message
    assert "1 image(s) are said to show no object" in made.message
    options = ImportOptions(as_clicks=True, exhaustive=True)
    session.import_file(path, options).result()
    assert [i.exhaustive for i in session.project.images] == [False, False, True]


def test_nothing_but_crowds_is_no_import(tmp_path: Path, make: Make) -> None:
    session = make("a.tif")
    path = coco(tmp_path / "c.json", ["a.tif"], (0, CROWD))
    with pytest.raises(InputError, match=r"c\.json: all its 1 object\(s\) are marked as crowds"):
        session.import_file(path).result()
    assert not session.project.truths


def test_keypoints_become_clicks_beside_boxes(tmp_path: Path, make: Make) -> None:
    session = make("a.tif", "b.tif")
    path = coco(tmp_path / "c.json", ["a.tif", "b.tif"], (0, BOX), (0, POINT), (1, POINT))
    made = session.import_file(path).result()
    assert [(c.image, c.position) for c in session.project.clicks] == [
        (image.id, (6.0, 5.0)) for image in session.project.images
    ]
    a, b = session.project.images
    assert len(session.project.truth_of(a, "boxes").boxes) == 1
    assert session.project.truth_of(b, "boxes") is None
    assert made.message.startswith("1 boxes added to 1 image(s) (1 cell); 2 clicks added on 2 im")


@pytest.mark.parametrize("count", [3, 2000])
def test_each_image_file_is_opened_once_whatever_the_number_of_rows(
    tmp_path: Path, make: Make, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make("a.tif", "b.tif")
    rng = np.random.default_rng(0)
    places = rng.uniform(0, (59, 79), (count, 2))
    rows = [("ab"[n % 2] + ".tif", *place) for n, place in enumerate(places)]
    clicks, boxes = tmp_path / "clicks.csv", tmp_path / "boxes.csv"
    clicks.write_text(
        "image,class,y,x\n" + "".join(f"{name},cell,{y},{x}\n" for name, y, x in rows)
    )
    boxes.write_text(
        "image,class,ymin,xmin,ymax,xmax\n"
        + "".join(f"{name},cell,{y},{x},{y + 1},{x + 1}\n" for name, y, x in rows)
    )
    opened: list[Path] = []

    def count_checks(path: Path, expected: str) -> None:
        opened.append(path)
        check_fingerprint(path, expected)

    monkeypatch.setattr("napari_synthseg.storage.images.check_fingerprint", count_checks)
    assert session.import_file(clicks).result().figures["clicks"] == count
    assert session.import_file(boxes).result().figures["boxes"] == count
    assert len(opened) == 4


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", '{"images": [], "annotations": [], "categories": []}', "coco"),
        ("a.bin", "<annotation/>", "voc"),
        ("a.dat", "image,class,ymin,xmin,ymax,xmax\n", "csv"),
        ("a", "Image;Class\n", "image labels"),
        ("a.json", "image,class,y,x\n", "clicks"),
        ("a.xml", "index,axis-0,axis-1\n", "points"),
        ("a.csv", "\ufeffimage,class,y,x\n".encode("utf-16-le"), "clicks"),
    ],
)
def test_files_are_told_by_content(
    tmp_path: Path, name: str, content: str | bytes, kind: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert file_kind(path).name == kind


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"flags": {}, "what": []}', "is JSON with 'flags', 'what', which no reader"),
        (b"[1, 2]", "is a list in JSON"),
        (b"<svg xmlns='x'/>", "is XML of 'svg'"),
        (b"", "is empty"),
        (b"II*\0\1\0\2\0\3\0", "is no text: .*--masks"),
        (b'{"images": [', "not JSON"),
        (b"<annotation", "not XML"),
    ],
)
def test_what_nothing_reads_is_said_as_it_is(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"file\.csv.*{told}"):
        file_kind(path)


def test_missing_files_and_other_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        file_kind(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"holds neither XML files .*--masks"):
        file_kind(tmp_path)
