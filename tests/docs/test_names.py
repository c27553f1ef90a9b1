"""Buttons, ticks and boxes that pages tell to press are called so in the panel."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.pages import ROOT, pages

TOLD = re.compile(
    r"\b(?:press|tick|untick|choose|open|under)(?: the (?:blue )?button,?)?"
    r"\s+(?:\*\*(?P<bold>[^*]+)\*\*|\*(?P<slanted>[^*]+)\*)",
    re.IGNORECASE,
)
"""An order, and the name that it is about."""

OF_OTHERS = {
    "Add to PATH",
    "Data > From Text/CSV",
    "English",
    "Code > Download ZIP",
    "Plugins > SynthSeg",
}
"""Names in other programs, and in napari's menus."""

KEY = re.compile(r"[\]\[?0-9A-Z]|F\d+|Enter|Escape|Tab|Ctrl\+\w")

PAGES = [
    page
    for page in pages()
    if page.name == "README.md" or page.parent.name in ("tutorial", "how-to")
]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.rstrip(".…: ")).replace("_", " ").lower()


def words_of_the_panel() -> Iterator[str]:
    """Yield every text of the panel, what titles it takes from elsewhere, and names of fields."""
    manifest = (ROOT / "napari.yaml").read_text("utf-8")
    yield from re.findall(r"(?:title|display_name): (.+)", manifest)
    for path in (ROOT / "napari_synthseg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "*"
                    for part in node.values
                )


PANEL = {plain(words) for words in words_of_the_panel() if len(words) < 80}
PATTERNS = [
    re.compile(".+".join(map(re.escape, words.split("*"))))
    for words in PANEL
    if "*" in words and len(words.strip("* ")) > 3
]


def is_in_the_panel(name: str) -> bool:
    text = plain(name.rsplit(" > ", 1)[-1])  # of a menu the entry
    return text in PANEL or any(pattern.fullmatch(text) for pattern in PATTERNS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_to_be_pressed_is_called_so(page: Path) -> None:
    text = page.read_text("utf-8")
    named = [found["bold"] or found["slanted"] for found in TOLD.finditer(text)]
    unknown = [
        name
        for name in named
        if name not in OF_OTHERS and not KEY.fullmatch(name) and not is_in_the_panel(name)
    ]
    assert unknown == []


def test_pages_name_many_buttons() -> None:
    texts = [page.read_text("utf-8") for page in PAGES]
    assert sum(len(TOLD.findall(text)) for text in texts) > 40
    assert not is_in_the_panel("Keep this image for scoring only")
    assert is_in_the_panel("Use layer")
