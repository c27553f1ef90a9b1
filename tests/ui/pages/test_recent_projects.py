"""The start page offers the projects that were open last."""

from __future__ import annotations

import shutil

import pytest
from platformdirs import user_config_path

from napari_synthseg.ui.control.recent_projects import (
    MOST_OFFERED,
    MOST_RECENT,
    note_project,
    recent_projects,
    still_there,
)


@pytest.fixture(autouse=True)
def none_before(tmp_path, monkeypatch):
    """Settings of this test alone."""
    for name in ("HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "settings"))


def test_the_last_one_comes_first_and_each_once(tmp_path):
    folders = [tmp_path / f"p{number}.synthseg" for number in range(MOST_RECENT + 2)]
    for folder in (*folders, folders[4]):
        note_project(folder)
    known = recent_projects()
    assert known[:2] == [folders[4], folders[-1]]
    assert len(known) == len(set(known)) == MOST_RECENT


def test_one_alone_comes_back(tmp_path):
    assert recent_projects() == []
    note_project(tmp_path / "p, of Ö; 100 %.synthseg")
    assert recent_projects() == [tmp_path / "p, of Ö; 100 %.synthseg"]
    assert (user_config_path("napari-synthseg", appauthor=False) / "window.ini").is_relative_to(
        tmp_path
    )


def test_only_projects_that_are_there_are_offered(tmp_path):
    folders = [tmp_path / f"p{number}.synthseg" for number in range(6)]
    for folder in folders[1:]:
        folder.mkdir()
        (folder / "project.db").touch()
    assert still_there(folders) == folders[1 : 1 + MOST_OFFERED]


def test_a_project_is_gone_on_with_from_the_start_page(opened):
    folder = opened.session.folder
    opened.panel.files.new_project()
    page = opened.panel.start_page
    opened.wait(lambda: page.recent.isVisible())
    button = page.recent.layout().itemAt(0).widget()
    assert button.text() == folder.stem
    assert str(folder) in button.toolTip()
    button.click()
    opened.wait(lambda: opened.session is not None)
    opened.settle()
    assert opened.session.folder == folder
    opened.panel.files.new_project()
    opened.settle()
    shutil.rmtree(folder)
    page.enter()
    opened.wait(lambda: not page.recent.isVisible())
