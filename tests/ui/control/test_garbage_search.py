"""Python searches for garbage while the window stands still: what is there is left out."""

from __future__ import annotations

import gc
import sys
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest
from napari.layers import Points

from napari_synthseg.networks import libraries
from napari_synthseg.ui.control.garbage_search import GarbageSearch
from napari_synthseg.ui.viewer import layers as layers_module
from napari_synthseg.workflow.runs import live_view
from tests.helpers.sessions import add_array
from tests.ui.app.test_steps import start_training

pytestmark = pytest.mark.gui


@pytest.fixture
def all_searched():
    """Garbage is searched for everywhere, as in a program of a user."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()  # as `loaded` does


def is_torch_searched():
    torch = sys.modules["torch"]
    return any(thing is torch.nn.Module for thing in gc.get_objects())


def visual_of(bench, layer):
    return ref(bench.viewer.window._qt_viewer.canvas.layer_to_visual[layer].node)


@pytest.fixture
def searched(monkeypatch):
    """Of each search of napari for what a layer had, whether it went through all of PyTorch."""
    import napari._vispy.canvas as canvas

    searched = []

    def collect() -> None:
        searched.append(is_torch_searched())
        gc.collect()

    monkeypatch.setattr(canvas, "gc", SimpleNamespace(collect=collect))
    return searched


def test_what_libraries_made_is_left_out_once_they_are_loaded(all_searched, loaded):
    search = GarbageSearch()
    assert is_torch_searched()
    libraries.loaded.emit()
    assert not is_torch_searched()
    later = [[]]  # a library that is loaded later
    libraries.loaded.emit()
    assert not any(thing is later for thing in gc.get_objects())
    search.end()
    assert gc.get_freeze_count() == 0
    libraries.loaded.emit()
    search.leave_out()
    assert gc.get_freeze_count() == 0


def test_what_others_left_out_stays_left_out(all_searched, loaded):
    search = GarbageSearch()
    gc.freeze()
    search.leave_out()
    libraries.loaded.emit()
    search.about_to_go(Points())
    search.end()
    assert not is_torch_searched()


def test_what_is_left_out_for_one_panel_is_searched_where_it_goes_in_another(all_searched, loaded):
    first, second = GarbageSearch(), GarbageSearch()
    first.leave_out()
    second.leave_out()
    earlier, later = Points(), Points()
    first.has_come(later)
    second.about_to_go(later)
    assert not is_torch_searched()
    second.about_to_go(earlier)
    assert is_torch_searched()
    first.end()
    second.end()


def test_the_search_when_the_live_layer_goes_is_short_and_leaves_nothing(
    all_searched, clicked, searched, monkeypatch
):
    monkeypatch.setattr(live_view, "FIRST_S", 0.0)
    start_training(clicked, steps=100_000)
    clicked.wait(lambda: clicked.panel.layers.live.layer is not None, 180_000)
    live = ref(clicked.panel.layers.live.layer)
    visual = visual_of(clicked, live())
    clicked.panel.controller.cancel("training")
    clicked.wait(lambda: clicked.panel.layers.live.layer is None)
    assert searched == [False]
    assert visual() is None  # what napari searches for is found
    clicked.settle()
    gc.collect()
    assert live() is None


@pytest.mark.parametrize("how", ["another layer goes", "the project goes", "the panel goes"])
def test_what_is_left_out_is_freed_when_it_goes(all_searched, clicked, how):
    """And what is there then is left out when work begins, but for the panel that goes."""
    panel, image = clicked.panel, clicked.viewer.layers["discs"]
    layer = clicked.viewer.add_labels(np.ones((8, 8), np.uint8))
    clicked.qtbot.wait(50)
    if how == "the project goes":
        layer = clicked.clicks
    gone, visual = ref(layer), visual_of(clicked, getattr(layer, "__wrapped__", layer))
    del layer
    libraries.loaded.emit()
    assert not is_torch_searched()
    if how == "another layer goes":
        clicked.viewer.layers.remove(gone())
    elif how == "the project goes":
        panel.controller.show(None)
    else:
        clicked.viewer.window.remove_dock_widget(panel)
        assert gc.get_freeze_count() == 0
        clicked.viewer.layers.remove(gone())
    assert visual() is None
    assert image in clicked.viewer.layers
    panel.controller.compute("look", lambda: None, lambda _: None)
    clicked.settle()
    assert is_torch_searched() == (how == "the panel goes")


def test_the_search_is_short_when_markings_go_that_came_later(all_searched, bench, searched):
    """The first change of images frees what was left out; further ones free what came since."""
    bench.panel.open_sample("nuclei")  # with parts, which go with the markings
    bench.wait(lambda: bench.clicks is not None)
    bench.settle()
    libraries.loaded.emit()
    for expected in ([True], [False], [False]):
        searched.clear()
        visual = visual_of(bench, bench.clicks)
        bench.panel.layers.show_image(bench.session.project.images[0])
        assert searched == expected
        assert visual() is None
        bench.settle()


def test_images_that_leave_the_viewer_are_freed_by_a_short_search(
    all_searched, opened, searched, monkeypatch
):
    monkeypatch.setattr(layers_module, "KEPT_IMAGES", 2)
    session, shown = opened.session, []
    refs = [add_array(session, np.zeros((32, 40), np.uint8), "yx", name) for name in "abcd"]
    for image in refs:
        opened.panel.layers.show_image(image)
        opened.settle()
        shown.append(ref(opened.panel.layers.image.layer))
    assert searched
    assert not any(searched)
    opened.qtbot.wait(50)
    gc.collect()
    assert [layer() is None for layer in shown] == [True, True, False, False]
