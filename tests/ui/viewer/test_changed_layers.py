"""An image's layer is moved, or gets other pixels, after the image came into use."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_synthseg.core.predictions import HeatMaps, InstancePrediction
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.jobs import Job
from tests.ui.conftest import CENTERS, draw_discs

pytestmark = pytest.mark.gui

MOVES = {
    "translate": (30.0, -20.0),
    "scale": (0.5, 0.25),
    "rotate": 25.0,
    "shear": [0.3],
    "affine": np.array([[0.9, -0.4, 7.0], [0.5, 1.1, -3.0], [0.0, 0.0, 1.0]]),
}


def lies_on(layer, image, origin=(0, 0)):
    places = np.array([(0.0, 0.0), (3.0, 0.0), (0.0, 5.0)])
    return all(
        np.allclose(layer.data_to_world(p), image.data_to_world(np.add(p, origin))) for p in places
    )


def test_clicks_and_results_follow_an_image_that_is_moved(clicked):
    layers, image = clicked.panel.layers, clicked.viewer.layers["discs"]
    (ref,) = layers.image.refs
    before = [c.position for c in clicked.session.project.clicks]
    found = InstancePrediction(
        image=ref.id, run="r", ids=np.ones((20, 30), np.int32), objects=(), region_origin=(8, 9)
    )
    layers.outputs.show_prediction(found, "found", layers.image)
    image.translate = (8, 2)  # while the prediction is made
    clicked.settle()
    maps = HeatMaps(
        image=ref.id, run="r", maps={1: np.ones((20, 30), np.float32)}, method="cam", layer="up",
        region_origin=(8, 9),
    )  # fmt: skip
    layers.heat_maps.show(maps, "r", layers.image, lambda: None)
    clicked.settle()
    for how, where in MOVES.items():
        setattr(image, how, where)
        assert lies_on(clicked.clicks, image)
        assert lies_on(clicked.viewer.layers["found"], image, (8, 9))
        assert lies_on(layers.heat_maps.layers[1], image, (8, 9))
    assert [c.position for c in clicked.session.project.clicks] == before
    assert [tuple(p) for p in clicked.clicks.data] == before


def test_a_click_on_a_moved_image_is_stored_where_it_is_seen(opened):
    image = opened.viewer.layers["discs"]
    image.scale, image.rotate, image.translate = (-2.0, 1.5), 20.0, (300.0, -50.0)
    opened.viewer.fit_to_view()
    opened.viewer.layers.selection.active = opened.clicks
    for center in CENTERS[:3]:
        opened.click(center)
    got = [c.position for c in opened.session.project.clicks]
    assert np.allclose(got, CENTERS[:3], atol=1.0)


def test_painted_regions_follow_an_image_that_is_moved(painting):
    image = painting.viewer.layers["discs"]
    image.translate = (12, 34)
    assert lies_on(painting.regions, image)


@pytest.mark.parametrize("how", MOVES)
def test_a_layer_to_mark_in_that_is_moved_goes_back_to_its_image(opened, told, how):
    image = opened.viewer.layers["discs"]
    image.translate = (12, 34)
    for _ in range(2):
        setattr(opened.clicks, how, MOVES[how])
        opened.wait(lambda: lies_on(opened.clicks, image))
    assert [r.message for r in told if "Clicks" in r.message and "was put back" in r.message] == [
        r.message for r in told
    ] and len(told) == 1
    opened.viewer.fit_to_view()
    opened.click(CENTERS[0])
    assert np.allclose(opened.session.project.clicks[0].position, CENTERS[0], atol=1.0)


def test_painted_regions_that_are_moved_go_back_to_their_image(painting, told):
    painting.regions.translate = (5, 5)
    painting.wait(lambda: lies_on(painting.regions, painting.viewer.layers["discs"]))
    assert "Layer 'Regions' lies on its image" in told[-1].message


def test_a_new_scale_is_the_pixel_size_and_can_be_undone(opened, told):
    image = opened.viewer.layers["discs"]
    image.scale, image.units = (0.5, 0.25), ("um", "um")
    opened.wait(lambda: opened.session.project.images[0].pixel_size is not None)
    (ref,) = opened.session.project.images
    assert (ref.pixel_size, ref.unit) == ((0.5, 0.25), "um")
    assert "0.5 x 0.25 um" in told[-1].message
    assert opened.session.history.undo_label == "set pixel size"
    opened.session.undo()
    assert opened.session.project.images[0].pixel_size is None


def test_a_scale_without_units_leaves_a_known_pixel_size(opened, told):
    image = opened.viewer.layers["discs"]
    image.scale, image.units = (0.5, 0.25), ("um", "um")
    opened.wait(lambda: opened.session.project.images[0].unit == "um")
    known = opened.session.project
    image.units = ("pixel", "pixel")
    image.scale = (2.0, 1.0)
    opened.wait(lambda: "stays as it was" in told[-1].message)
    assert opened.session.project is known


def edit_in_place(layer):
    np.copyto(layer.data, 1300 - layer.data)
    layer.refresh()


CHANGES = {
    "inverted": lambda layer: setattr(layer, "data", 1300 - layer.data),
    "cropped": lambda layer: setattr(layer, "data", layer.data[20:100, 30:130]),
    "edited in place": edit_in_place,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_image_whose_layer_gets_other_pixels_stays_and_is_shown_again(clicked, told, change):
    layer, clicks = clicked.viewer.layers["discs"], clicked.clicks
    layer.translate = (30, 40)
    project = clicked.session.project
    change(layer)
    clicked.wait(lambda: clicked.panel.layers.image.layer is not layer)
    clicked.settle()
    shown = clicked.panel.layers.image.layer
    assert shown in clicked.viewer.layers
    (ref,) = clicked.session.project.images
    assert np.allclose(shown.data, open_pixels(ref, clicked.session.folder).read()[0])
    assert shown.data[24, 24] > 0.9  # a bright disc, as it was
    assert lies_on(clicked.clicks, shown)
    assert np.allclose(shown.translate, (30, 40))
    assert clicked.clicks is clicks  # what is marked stays where it is, above the image
    order = [la.name for la in clicked.viewer.layers]
    assert order[-1] == "Clicks"
    assert clicked.session.project is project
    assert any("shows other pixels now" in r.message for r in told)
    assert clicked.panel.files.find_layer() is layer  # it can be added as another image
    clicked.panel.files.use_layer(layer)
    clicked.settle()
    other = clicked.session.project.images[-1]
    assert open_pixels(other, clicked.session.folder).shape[1:] == layer.data.shape


def test_an_image_gets_a_layer_of_its_own_though_other_work_runs(clicked, told):
    layer, release = clicked.viewer.layers["discs"], threading.Event()
    clicked.panel.controller.run(Job.of("export", lambda: release.wait(60)))
    try:
        layer.data = 1300 - layer.data
        clicked.wait(lambda: clicked.panel.layers.image.layer is not layer)
    finally:
        release.set()
    clicked.settle()
    assert clicked.panel.layers.image.layer in clicked.viewer.layers
    assert not any("Still busy" in r.message for r in told)


def test_the_same_pixels_once_more_change_nothing(clicked, told):
    layer = clicked.viewer.layers["discs"]
    layer.refresh()
    layer.contrast_limits = (0, 500)
    layer.visible = False
    layer.visible = True
    clicked.qtbot.wait(50)
    assert clicked.panel.layers.image.layer is layer
    assert not told


def test_without_its_layer_the_image_is_kept_and_the_page_says_so(clicked):
    clicked.viewer.layers.remove("discs")
    clicked.wait(lambda: "No image is shown" in clicked.panel.hint.text())
    assert len(clicked.session.project.clicks) == len(CENTERS)
    clicked.panel.click_page.show_clicks.click()
    clicked.settle()
    assert np.array_equal(clicked.clicks.data, CENTERS)
    assert clicked.viewer.layers[0].data.shape == draw_discs().shape
