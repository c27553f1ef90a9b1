"""Writes the tables of keys into reference/keys.md, from the table by which they are bound.

Run it after a key was added or changed: ``python docs/key_tables.py``. A test says so when it was
forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_synthseg.ui.presenters.shortcuts import PLACES, SHORTCUTS

PAGE = Path(__file__).parent / "reference" / "keys.md"
START, END = "<!-- keys: start -->", "<!-- keys: end -->"


def key_tables() -> Iterator[str]:
    """Yield the lines of one table for each place."""
    for place, words in PLACES.items():
        yield from ("", f"## {words}", "", "| keys | what they do |", "|---|---|")
        for shortcut in SHORTCUTS[place]:
            yield f"| `{shortcut.shown_keys}` | {shortcut.what} |"
    yield ""


def with_tables(page: str) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n" + "\n".join(key_tables()) + f"\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
