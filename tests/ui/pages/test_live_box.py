"""A training shows what the model finds in view, in one layer that is gone at the end."""

from __future__ import annotations

import gc
import sys
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest

from napari_synthseg.workflow.runs import live_view
from tests.ui.app.test_steps import start_training

pytestmark = pytest.mark.gui


def test_the_live_layer_follows_the_view_and_is_gone_at_the_end(clicked, monkeypatch):
    monkeypatch.setattr(live_view, "FIRST_S", 0.0)
    monkeypatch.setattr(live_view, "PERIOD_S", 0.1)
    monkeypatch.setattr(live_view, "SHARE", 0.9)
    layers, viewer = clicked.panel.layers, clicked.viewer
    page = start_training(clicked, steps=100_000)
    clicked.wait(lambda: len(page.work.curve.points) > 0, 180_000)  # torch is loaded by then
    clicked.wait(lambda: layers.live.layer is not None)
    live = layers.live.layer
    assert live in viewer.layers
    assert viewer.layers.selection.active is not live
    assert live.data.shape == (128, 160)
    clicked.wait(lambda: "In view so far" in page.live.found.text())
    page.work.pause_button.click()
    viewer.scene.camera.zoom *= 4
    viewer.scene.camera.center = (0.0, 20.0, 140.0)
    clicked.wait(lambda: live.data.shape[0] < 100)  # while training is paused, too
    assert page.work.is_paused
    page.work.pause_button.click()
    assert layers.live.layer is live, "it is replaced in place"
    height, width = live.data.shape
    assert 0 <= live.translate[0] < 20 < live.translate[0] + height
    assert live.translate[1] < 140 < live.translate[1] + width <= 160
    page.live.box.setChecked(False)
    assert live not in viewer.layers
    page.live.box.setChecked(True)
    clicked.wait(lambda: layers.live.layer is not None)
    viewer.layers.remove(layers.live.layer)  # the user does not want it
    clicked.wait(lambda: not page.live.box.isChecked())
    page.live.box.setChecked(True)
    clicked.wait(lambda: layers.live.layer is not None)
    last = layers.live.layer
    clicked.panel.controller.cancel("training")
    clicked.settle()
    assert last not in viewer.layers
    assert not page.live.found.text()


@pytest.fixture
def all_searched():
    """Garbage is searched for everywhere, as in a program of a user."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()  # as `loaded` does


def show_live(bench):
    start_training(bench, steps=100_000)
    bench.wait(lambda: bench.panel.layers.live.layer is not None, 180_000)


def test_the_search_for_garbage_at_the_end_is_short_and_leaves_nothing(
    all_searched, clicked, monkeypatch
):
    """napari searches when a layer is removed, and the window stands still meanwhile."""
    import napari._vispy.canvas as canvas

    monkeypatch.setattr(live_view, "FIRST_S", 0.0)
    show_live(clicked)
    layers, searched = clicked.panel.layers, []
    live = ref(layers.live.layer)
    visual = ref(clicked.viewer.window._qt_viewer.canvas.layer_to_visual[live()].node)

    def collect() -> None:
        torch = sys.modules["torch"]
        searched.append(any(thing is torch.nn.Module for thing in gc.get_objects()))
        gc.collect()
        searched.append(visual() is None)  # what napari searches for is found

    monkeypatch.setattr(canvas, "gc", SimpleNamespace(collect=collect))
    clicked.panel.controller.cancel("training")
    clicked.settle()
    assert searched == [False, True]
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert live() is None


@pytest.mark.parametrize("how", ["another layer goes", "the project goes", "the panel goes"])
def test_what_was_there_before_the_live_layer_is_freed_when_it_goes(
    all_searched, clicked, monkeypatch, how
):
    monkeypatch.setattr(live_view, "FIRST_S", 0.0)
    panel, image = clicked.panel, clicked.viewer.layers["discs"]
    other = clicked.viewer.add_labels(np.ones((8, 8), np.uint8))
    show_live(clicked)
    assert gc.get_freeze_count() > 0
    if how == "another layer goes":
        gone = ref(other)
        clicked.viewer.layers.remove(other)
        del other
        clicked.qtbot.wait(200)
        gc.collect()
        assert gone() is None
    elif how == "the project goes":
        panel.controller.show(None)
        assert panel.layers.live.layer is None
    else:
        clicked.viewer.window.remove_dock_widget(panel)
    assert gc.get_freeze_count() == 0
    assert image in clicked.viewer.layers
