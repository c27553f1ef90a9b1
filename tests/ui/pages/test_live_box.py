"""A training shows what the model finds in view, in one layer that is gone at the end."""

from __future__ import annotations

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
