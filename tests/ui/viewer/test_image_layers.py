"""Results belong to the image that they were made for, whichever is shown when they are ready."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.predictions import HeatMaps, InstancePrediction
from napari_synthseg.core.progress import exhaust
from napari_synthseg.ui.viewer import heat_map_layers, output_layers, preview_layers
from napari_synthseg.ui.viewer.reading.layer_axes import labelled_axes
from napari_synthseg.ui.viewer.reading.layer_source import find_source
from napari_synthseg.ui.viewer.reading.layer_view import LayerView
from tests.helpers.sessions import add_masks
from tests.ui.conftest import SHAPE

pytestmark = pytest.mark.gui

OTHER_SHAPE, OTHER_SCALE = (64, 64), (3.0, 3.0)


@pytest.fixture
def two(opened):
    """The panel with two images of other pixel sizes; the first is shown."""
    small = opened.viewer.add_image(
        np.random.default_rng(0).random(OTHER_SHAPE), scale=OTHER_SCALE, name="small"
    )
    opened.panel.files.use_layer(small)
    opened.settle()
    opened.panel.layers.show_image(opened.session.project.images[0])
    opened.settle()
    return opened


@pytest.fixture
def threads(monkeypatch):
    """Name of a function that makes what is shown -> whether it ran beside the window."""
    ran = {}

    def note(module, name):
        make = getattr(module, name)

        def noted(*args):
            ran[name] = threading.current_thread() is not threading.main_thread()
            return make(*args)

        monkeypatch.setattr(module, name, noted)

    note(output_layers, "make_prediction_layers")
    note(output_layers, "make_truth_layer")
    note(preview_layers, "stack_pairs")
    note(heat_map_layers, "_make_darkening")
    return ran


def show_first_and_turn_to_second(bench):
    first, second = bench.session.project.images
    layers = bench.panel.layers
    image = layers.image
    found = InstancePrediction(
        image=first.id, run="r", ids=np.ones(image.shape, np.int32), objects=()
    )
    add_masks(bench.session, first, InstanceLabels(np.ones(image.shape, np.int32), {1: 1}))
    layers.outputs.show_prediction(found, "found", image)
    layers.outputs.show_truth(first, image)
    layers.show_image(second)
    bench.settle()
    return image


def test_results_lie_on_their_image_and_are_hidden_with_it(two):
    image = show_first_and_turn_to_second(two)
    layers = two.panel.layers
    assert layers.image.placement.scale == OTHER_SCALE
    shown = [two.viewer.layers[name] for name in ("found", "True masks")]
    for layer in shown:
        assert tuple(layer.scale) == image.placement.scale == (1.0, 1.0)
        assert not layer.visible
    layers.show_image(two.session.project.images[0])
    assert [layer.visible for layer in shown] == [True, True]
    shown[0].visible = False  # what the user hides stays hidden
    layers.show_image(two.session.project.images[1])
    layers.show_image(two.session.project.images[0])
    assert [layer.visible for layer in shown] == [False, True]


def test_a_prediction_hides_the_one_before_on_its_image(two):
    image = show_first_and_turn_to_second(two)
    layers, (first, second) = two.panel.layers, two.session.project.images
    later = InstancePrediction(
        image=first.id, run="s", ids=np.ones(image.shape, np.int32), objects=()
    )
    layers.show_image(first)
    layers.outputs.show_prediction(later, "later", layers.image)
    two.settle()
    shown = [two.viewer.layers[name] for name in ("found", "later")]
    assert [layer.visible for layer in shown] == [False, True]
    layers.show_image(second)
    layers.show_image(first)
    assert [layer.visible for layer in shown] == [False, True]


def test_what_is_shown_is_made_beside_the_window(two, threads):
    show_first_and_turn_to_second(two)
    layers = two.panel.layers
    labels = InstanceLabels(np.zeros((8, 8), np.int32), {})
    layers.show_dual_images([DualImage(np.zeros((1, 8, 8), np.float32), labels, 0)])
    ref = two.session.project.images[1]
    maps = HeatMaps(
        image=ref.id, run="r", maps={1: np.ones(OTHER_SHAPE, np.float32)}, method="cam", layer="up"
    )
    told = []
    layers.heat_maps.show(maps, "r", layers.image, lambda: told.append(True))
    assert not told
    two.settle()
    assert told == [True]
    assert threads == dict.fromkeys(
        ("make_prediction_layers", "make_truth_layer", "stack_pairs", "_make_darkening"), True
    )


def test_pixels_on_disk_are_not_read_before_a_job_asks_for_them(bench, tmp_path, monkeypatch):
    import zarr

    stored = zarr.create_array(
        str(tmp_path / "stack.zarr"), shape=(3, 64, 64), chunks=(1, 64, 64), dtype="uint8"
    )
    stored[1] = 7
    layer = bench.viewer.add_image(stored, name="stack", axis_labels=("t", "y", "x"))
    read, get = [], zarr.Array.__getitem__

    def noted(array, index):
        values = get(array, index)
        read.append(values.size)  # a slice of no pixels may be asked for its type
        return values

    monkeypatch.setattr(zarr.Array, "__getitem__", noted)
    view, axes = LayerView.of(layer, (1, 0, 0)), labelled_axes(layer)
    found = exhaust(find_source(view, axes, "auto", every_plane=False))
    assert found.source.shape == (64, 64)
    assert sum(read) == 0
    assert (np.asarray(found.source) == 7).all()
    assert sum(read) == 64 * 64


def test_heat_maps_are_hidden_with_their_image_and_so_is_their_legend(two):
    panel = two.panel
    first, second = two.session.project.images
    box, layers = panel.results_page.heat_maps, panel.layers
    maps = HeatMaps(
        image=first.id, run="r", maps={1: np.ones(SHAPE, np.float32)}, method="cam", layer="up"
    )
    box.show_maps(maps, two.session.project, "r, discs", layers.image)
    layers.show_image(second)  # while they are made
    two.settle()
    shown = [x for x in two.viewer.layers if x.name.startswith("Heat map")]
    assert [x.visible for x in shown] == [False, False]
    assert two.viewer.layers.selection.active is two.clicks
    assert box.legend.isHidden()
    layers.show_image(first)
    assert [x.visible for x in shown] == [True, True]
    assert box.rows[1].box.isChecked()
    assert not box.legend.isHidden()
    layers.show_image(second)
    assert box.legend.isHidden()


def test_dual_images_that_come_when_the_user_has_gone_elsewhere_are_hidden(two):
    layers = two.panel.layers
    labels = InstanceLabels(np.zeros((8, 8), np.int32), {})
    layers.show_dual_images([DualImage(np.zeros((1, 8, 8), np.float32), labels, 0)])
    layers.look_at_image()
    two.settle()
    assert [x.visible for x in layers.preview.layers] == [False, False]
    layers.preview.set_visible(True)
    assert [x.visible for x in layers.preview.layers] == [True, True]
