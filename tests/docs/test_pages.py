"""Links lead somewhere, pages are in the navigation, drawn pictures are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.docs.test_tables import load_script
from tests.helpers.pages import ROOT, anchors, links, pages

PAGES = pages()
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"there is no {path}"
        if anchor and target.suffix == ".md" and "/api/" not in target.as_posix():
            assert anchor in anchors(target), f"{path} has no heading for #{anchor}"


def test_every_page_is_in_the_navigation_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"]))
    there = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.parent != ROOT}
    assert sorted(listed) == sorted(there)


def test_no_page_shows_a_picture_that_is_not_there() -> None:
    picture = re.compile(r"!\[[^]]*\]\(([^)]+)\)")
    shown = {
        (page.parent / path).resolve()
        for page in PAGES
        for path in picture.findall(page.read_text("utf-8"))
        if "://" not in path
    }
    assert {path.name for path in shown} >= {"rooms.svg", "walk.gif"}
    assert not [path for path in shown if not path.exists()]


def test_every_picture_is_shown_by_a_page() -> None:
    """Those of `docs/images` are packed for the help of the panel."""
    texts = [page.read_text("utf-8") for page in PAGES]
    there = [path.name for path in (ROOT / "docs" / "images").iterdir()]
    assert not [name for name in there if not any(f"images/{name}" in text for text in texts)]


def test_picture_of_the_rooms_shows_the_imports_of_the_code() -> None:
    script = load_script("draw_rooms")
    picture = script.PICTURE.read_text("utf-8")
    rooms = re.findall(r'data-room="(\w+)"', picture)
    assert sorted(rooms) == script.list_rooms(), "run: python docs/draw_rooms.py"
    arrows = set(re.findall(r'data-from="(\w+)" data-to="(\w+)"', picture))
    assert arrows == script.find_arrows(script.list_rooms()), "run: python docs/draw_rooms.py"
    tops = dict(re.findall(r'data-room="(\w+)" x="[\d.]+" y="([\d.]+)"', picture))
    assert all(float(tops[upper]) < float(tops[lower]) for upper, lower in arrows)


def test_pages_at_the_top_are_there() -> None:
    for name in ("CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY", "SUPPORT", "CHANGELOG", "README"):
        assert (ROOT / f"{name}.md").read_text("utf-8").startswith("# ")


def test_every_path_that_a_page_names_exists() -> None:
    """Read paths in code spans of the contributing pages; NAME, TASK and the like stand for any."""
    named = re.compile(r"`((?:tests|docs|benchmarks|pretraining|conda)/[\w./-]+)`")
    folder = ROOT / "docs" / "contributing"
    found = [
        path for page in folder.glob("*.md") for path in named.findall(page.read_text("utf-8"))
    ]
    assert found
    assert not [path for path in found if not (ROOT / path).exists()]
