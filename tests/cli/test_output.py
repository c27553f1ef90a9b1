from __future__ import annotations

import json

import pytest

from napari_synthseg.cli.output import report, table


def test_json_is_one_line_that_any_reader_takes(capsys: pytest.CaptureFixture[str]) -> None:
    report({"a": float("nan"), "b": [1, float("inf")], "c": "ü\n"}, ["for people"], as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"a": None, "b": [1, None], "c": "ü\n"}


def test_people_get_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report({"a": 1}, ["one", "two"], as_json=False)
    assert capsys.readouterr().out == "one\ntwo\n"


def test_table_lines_up() -> None:
    assert table(("class", "f1"), [("nucleus", 0.5), ("b", 10)]) == [
        "class       f1",
        "nucleus  0.500",
        "b           10",
    ]
