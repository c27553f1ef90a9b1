"""The code blocks and links of README and docs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP_PAGES = ("README.md", "CONTRIBUTING.md", "SUPPORT.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
SHELL = ("", "console", "bash", "sh")

_FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?[^\n]*\n'
    r"(?P<code>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block; `page` is its path from the root, `line` that of its fence."""

    page: str
    line: int
    language: str
    title: str
    code: str

    @property
    def first_line(self) -> str:
        return self.code.split("\n", 1)[0]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return README, the other pages at the top, and all of docs/."""
    top = [ROOT / name for name in TOP_PAGES if (ROOT / name).exists()]
    return top + sorted((ROOT / "docs").rglob("*.md"))


def blocks() -> list[Block]:
    """Return the blocks of all pages, in order."""
    return [block for page in pages() for block in _blocks_of(page)]


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        indent = found["indent"]
        code = "".join(
            line.removeprefix(indent) for line in found["code"].splitlines(keepends=True)
        )
        name = page.relative_to(ROOT).as_posix()
        line = text.count("\n", 0, found.start()) + 1
        yield Block(name, line, found["language"], found["title"] or "", code)


def shell_commands(code: str) -> list[list[str]]:
    """Return the words of each command, as a shell in this folder gives them to a program."""
    lines = [line.removeprefix("$ ") for line in code.splitlines()]
    split = [shlex.split(line, comments=True) for line in lines]
    return [[word for part in words for word in _expanded(part)] for words in split if words]


def _expanded(word: str) -> list[str]:
    word = os.path.expandvars(word)
    if not set("*?") & set(word):
        return [word]
    return sorted(path.as_posix() for path in Path().glob(word)) or [word]


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield target and anchor of each link and picture of a page that stays in the repository."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(\s*<?([^)\s>]+)>?\s*\)", re.sub(r"`[^`\n]*`", "", text)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(page: Path) -> set[str]:
    """Return what a link may name after '#': the headings, as GitHub and mkdocs write them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip()
        found |= {slug.replace(" ", "-"), re.sub(r"[-\s]+", "-", slug)}
    return found
