"""The table of keys: what is bound stands in it, once."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import napari_synthseg
from napari_synthseg.ui.presenters.shortcuts import (
    PLACES,
    SHORTCUTS,
    Shortcut,
    find_shortcut,
)

UI = Path(napari_synthseg.__file__).parent / "ui"


@pytest.mark.parametrize("place", PLACES)
def test_names_and_keys_of_a_place_are_unique(place):
    names = [s.name for s in SHORTCUTS[place]]
    keys = [key for s in SHORTCUTS[place] for key in s.keys]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)


def test_every_place_has_words():
    assert set(PLACES) == set(SHORTCUTS)


def test_keys_are_bound_in_one_place_only():
    bound = re.compile(r"\.bind_key\(|QShortcut\(|\.setShortcut\(")
    files = {p.name for p in UI.rglob("*.py") if bound.search(p.read_text("utf-8"))}
    assert files == {"keys.py"}


def test_a_key_that_napari_binds_cannot_be_bound_here():
    with pytest.raises(KeyError, match="add it to the table"):
        find_shortcut("clicks", "select")


def test_keys_are_shown_in_short():
    assert Shortcut("class", tuple("123456789"), "").shown_keys == "1-9"
    assert Shortcut("step", ("Alt+1", "Alt+2", "Alt+3"), "").shown_keys == "Alt+1-3"
    assert Shortcut("reject", ("R", "Delete"), "").shown_keys == "R or Delete"


def test_the_page_of_the_docs_lists_the_keys_as_they_are():
    docs = Path(napari_synthseg.__file__).parents[1] / "docs"
    spec = importlib.util.spec_from_file_location("key_tables", docs / "key_tables.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = script.PAGE.read_text("utf-8")
    assert script.with_tables(page) == page, "run: python docs/key_tables.py"
