"""The realism report in the window: asked for by a button, shown, saved, cancelled."""

from __future__ import annotations

import json

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

pytestmark = pytest.mark.gui


def at_synthesis(bench):
    """Go to the dual images and wait for the preview."""
    bench.panel.show_step(2)
    bench.settle()
    return bench.panel.synthesize_page


def views(panel):
    from napari_synthseg.ui.pages.realism_view import RealismView

    return panel.findChildren(RealismView)


def test_the_button_shows_a_report_that_can_be_saved(clicked, tmp_path, monkeypatch):
    panel = at_synthesis(clicked)
    before = clicked.session.project
    QTest.mouseClick(panel.compare_button, Qt.MouseButton.LeftButton)
    assert not panel.compare_button.isEnabled()
    clicked.settle()
    (view,) = views(panel)
    assert view.isVisible()
    assert not view.isModal()
    assert panel.compare_button.isEnabled()
    assert clicked.session.project is before
    clicked.wait(lambda: not view.picture.pixmap().isNull())
    titles = [view.table.verticalHeaderItem(row).text() for row in range(view.table.rowCount())]
    assert {"intensity", "size of objects", "power spectrum"} <= set(titles)
    folder = tmp_path / "report"
    monkeypatch.setattr(
        "napari_synthseg.ui.pages.realism_view.QFileDialog.getExistingDirectory",
        lambda *args: str(folder),
    )
    QTest.mouseClick(view.save_button, Qt.MouseButton.LeftButton)
    clicked.settle()
    report = json.loads((folder / "realism.json").read_text())
    assert report["images"] == ["discs"]
    assert (folder / "realism.png").stat().st_size > 10_000
    written = (folder / "realism.json").stat().st_mtime_ns
    QTest.mouseClick(view.save_button, Qt.MouseButton.LeftButton)
    clicked.settle()
    assert (folder / "realism.json").stat().st_mtime_ns == written
    view.close()
    clicked.wait(lambda: not views(panel))


def test_a_cancelled_comparison_shows_nothing(clicked):
    panel = at_synthesis(clicked)
    QTest.mouseClick(panel.compare_button, Qt.MouseButton.LeftButton)
    clicked.panel.controller.cancel("short")
    clicked.settle()
    assert not views(panel)
    assert panel.compare_button.isEnabled()
