"""The page on extending shows the code that the tests of this folder run, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.plugins.conftest import INSTALLED

PAGE = (INSTALLED.parents[2] / "docs" / "how-to" / "extend.md").read_text("utf-8")
BLOCK = re.compile(r'^```(\w+)(?: title="(.+?)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE)


def test_page_holds_the_whole_distribution() -> None:
    shown = {title: code for _, title, code in BLOCKS if title}
    files = {
        path.relative_to(INSTALLED).as_posix(): path.read_text("utf-8")
        for path in INSTALLED.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.name not in ("__init__.py", "METADATA")
    }
    assert shown == files


def test_entry_points_of_the_page_are_those_of_the_distribution() -> None:
    (toml,) = (code for language, _, code in BLOCKS if language == "toml")
    groups = tomllib.loads(toml)["project"]["entry-points"]
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), "")
    ]
    path = INSTALLED / "density_centers-1.0.dist-info" / "entry_points.txt"
    assert "\n".join(lines) == path.read_text("utf-8")


@pytest.mark.parametrize(
    "code", [code for language, title, code in BLOCKS if language == "python" and not title]
)
def test_other_code_of_the_page_runs(installed: pytest.MonkeyPatch, code: str) -> None:
    exec(compile(code, "extend.md", "exec"), {})


def test_page_names_what_is_there() -> None:
    package = Path(__file__).parents[2] / "napari_synthseg"
    for folder in re.findall(r"\| `([a-z/]+/)`", PAGE):
        assert (package / folder).is_dir(), folder
