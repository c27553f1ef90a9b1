"""What holds for every format of outlines."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines import find_outline_format, read_outlines
from napari_synthseg.io.outlines.base import OUTLINE_FORMATS
from napari_synthseg.io.sniffing import SniffedFile
from tests.helpers.outline_files import save_sample
from tests.helpers.outlines import box, drawn, read, read_nonsense, size_of

NAMES = [
    name
    for name in OUTLINE_FORMATS
    if OUTLINE_FORMATS[name].__module__.startswith("napari_synthseg")
]
JSON_NAMES = ["coco-outlines", "geojson", "label-studio", "labelme"]


@pytest.mark.parametrize("name", NAMES)
def test_all_say_the_same(tmp_path: Path, name: str) -> None:
    path = save_sample(name, tmp_path)
    found = find_outline_format(SniffedFile(path))
    assert found is not None and found.name == name
    (image,) = read(path)
    assert image.left_out == ()
    for outline in image.outlines:
        assert (drawn(outline.area) == box(5, 10, 9, 20)).all()
    for point in image.points:
        assert point.position == (6, 14)
    if image.ids is not None:
        assert (image.ids == box(5, 10, 9, 20)).all()
    assert len(image.outlines) + len(image.points) + (image.ids is not None) == 1
    classes = {o.cls for o in image.outlines} | {p.cls for p in image.points}
    assert classes <= {"nucleus", "", "Type 1"}
    assert image.name is None or "cells" in image.name
    assert image.size in (None, (40, 60))


def test_files_of_a_folder_are_read_those_of_other_formats_not(tmp_path: Path) -> None:
    save_sample("labelme", tmp_path).rename(tmp_path / "a.json")
    save_sample("labelme", tmp_path).rename(tmp_path / "b.json")
    save_sample("coco-outlines", tmp_path).rename(tmp_path / "c.json")
    (tmp_path / "cells.png").write_bytes(b"\x89PNG")
    (tmp_path / ".a.json").write_text("{")
    assert [image.where for image in read(tmp_path)] == ["a.json", "b.json"]


def test_other_files_are_of_no_format(tmp_path: Path) -> None:
    for name, text in {"a.json": "[]", "b.xml": "<svg/>", "c.csv": "a,b", "d.zip": "PK"}.items():
        (tmp_path / name).write_text(text)
        assert find_outline_format(SniffedFile(tmp_path / name)) is None
    with pytest.raises(InputError, match=r"a\.json holds no outlines that can be read \(.*QuPath"):
        list(read_outlines(tmp_path / "a.json", size_of))
    with pytest.raises(InputError, match="no file"):
        find_outline_format(SniffedFile(tmp_path / "z.json"))


JUNK = (
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=4)
    | st.sampled_from(["[]", "{}", "[[]]", '[1, "x"]', '{"a": 1}']).map(json.loads)
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all values within a value."""
    inner = dict(enumerate(value)) if isinstance(value, list) else value
    found = (
        [p for key, each in inner.items() for p in places(each, (*path, key))]
        if isinstance(inner, dict)
        else []
    )
    return [path, *found] if path else found


@pytest.mark.parametrize("name", JSON_NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_value_may_be_junk(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = save_sample(name, Path(folder))
        whole = json.loads(path.read_text())
        for _ in range(data.draw(st.integers(1, 2))):
            *way, last = data.draw(st.sampled_from(places(whole) or [()])) or (None,)
            if last is None:
                break
            inner = whole
            for key in way:
                inner = inner[key]
            if data.draw(st.booleans()):
                inner[last] = data.draw(JUNK)
            else:
                del inner[last]
        path.write_text(json.dumps(whole))
        read_nonsense(name, path)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_byte_may_be_wrong(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = save_sample(name, Path(folder))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.just(len(content)) | st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        read_nonsense(name, path)
