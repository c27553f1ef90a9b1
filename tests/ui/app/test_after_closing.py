"""Once the panel is closed, layers that stay in the viewer are plain layers of napari."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QCoreApplication, QEvent

from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import true_masks

pytestmark = pytest.mark.gui


def close_panel(bench):
    bench.viewer.window.remove_dock_widget(bench.panel)
    bench.qtbot.wait(50)


def test_clicks_on_a_layer_that_stayed_do_nothing_to_it_or_to_the_project(clicked):
    folder, layer = clicked.session.folder, clicked.clicks
    close_panel(clicked)
    assert layer in clicked.viewer.layers
    assert clicked.clicks is None
    layer.add((44, 44))
    layer.selected_data = {0, 1}
    clicked.qtbot.wait(50)
    assert len(layer.data) == 13
    assert not layer.keymap
    clicked.viewer.layers.remove(layer)
    with Session.open(folder).result() as session:
        assert len(session.project.clicks) == 12


def test_strokes_on_a_layer_that_stayed_are_not_kept(painting):
    painting.drag((30, 30), (30, 90))
    folder, layer = painting.session.folder, painting.regions
    close_panel(painting)
    layer.data_setitem((np.array([100]), np.array([100])), 1)
    layer.selected_label = 9
    painting.qtbot.wait(700)
    assert layer.data[100, 100] == 1
    assert layer.selected_label == 9
    assert not layer.keymap
    with Session.open(folder).result() as session:
        masks = true_masks(session, session.project.images[0])
        assert (masks.values[30, 60], masks.values[100, 100]) == (1, 0)


def test_nothing_listens_to_the_viewer_any_more(opened):
    image, clicks = opened.viewer.layers["discs"], opened.clicks
    emitters = [
        opened.viewer.layers.events.removing, opened.viewer.layers.events.removed,
        opened.viewer.layers.selection.events.active, opened.viewer.events.theme,
        opened.viewer.dims.events.current_step, clicks.events.data, clicks.events.features,
    ]  # fmt: skip

    def listeners(emitter):
        owners = [pair[0]() for pair in emitter.callbacks if isinstance(pair, tuple)]
        return [o for o in owners if type(o).__module__.startswith("napari_synthseg")]

    assert all(listeners(emitter) for emitter in emitters)
    close_panel(opened)
    assert not any(listeners(emitter) for emitter in emitters)
    opened.viewer.layers.remove(image)
    opened.viewer.theme = "light"
    opened.qtbot.wait(50)


def test_the_end_of_the_program_may_come_after_qt_deleted_the_layers(clicked):
    clicked.panel.shut_down()
    clicked.panel.layers.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    clicked.panel.shut_down()


def test_a_panel_that_qt_deletes_without_closing_it_lets_go_of_the_viewer(clicked):
    layer, folder = clicked.clicks, clicked.session.folder
    clicked.panel.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    layer.add((44, 44))
    clicked.viewer.layers.remove("discs")
    clicked.viewer.theme = "light"
    clicked.qtbot.wait(50)
    assert len(layer.data) == 13
    with Session.open(folder).result() as session:
        assert not session.read_only
        assert len(session.project.clicks) == 12


def test_a_layer_of_clicks_of_an_earlier_session_is_a_plain_layer(clicked):
    """As from a saved workspace: it is neither ours, nor doubles what it holds."""
    before = clicked.session.project
    data, state, kind = clicked.clicks.as_layer_data_tuple()
    old = clicked.viewer.add_layer(Layer.create(data, state, kind))
    assert old is not clicked.clicks and len(old.data) == 12
    clicked.settle()
    assert clicked.session.project is before
    old.add((44, 44))
    old.selected_data = {0, 1}
    old.features.loc[:, "id"] = "another"
    clicked.settle()
    assert clicked.session.project is before
    clicked.viewer.layers.selection.active = clicked.clicks
    clicked.clicks.add((30.0, 90.0))  # ours goes on as before
    clicked.settle()
    assert len(clicked.session.project.clicks) == 13
    clicked.viewer.layers.remove(old)
    clicked.settle()
    assert len(clicked.session.project.clicks) == 13
    assert clicked.clicks in clicked.viewer.layers


def test_the_panel_opened_again_beside_old_clicks_has_a_layer_of_its_own(clicked):
    folder, old = clicked.session.folder, clicked.clicks
    close_panel(clicked)
    again = type(clicked.panel)(clicked.viewer)
    clicked.viewer.window.add_dock_widget(again, name="SynthSeg again", area="right")
    again.files.open_project(folder)
    clicked.wait(lambda: again.layers.clicks.layer is not None)
    assert again.layers.clicks.layer is not old
    old.add((44.0, 44.0))
    clicked.qtbot.wait(50)
    assert len(again.controller.project.clicks) == 12
    again.shut_down()
