"""Where the model looks: classifiers, detectors and heat maps in the panel."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.predictions import BoxPrediction, FoundObject, HeatMaps
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.ui.pages.task_choice import TaskChoice
from tests.ui.app.test_steps import hold_out_with_truth
from tests.ui.conftest import CENTERS, DIAMETER, SHAPE

pytestmark = pytest.mark.gui


def choose_task(bench, task):
    """Choose a task in the training panel as a user does, with the keyboard."""
    bench.panel.show_step(3)
    box = bench.panel.train_page.task.task
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.findData(task)):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert task_info(bench.session.project.train_spec.task).name == task


def with_second_class(bench):
    project = bench.session.project
    second = project.next_class("dust", diameter=DIAMETER / 2)
    bench.session.edit(project.with_classes(second), "add class")
    clicks = [c.model_copy(update={"cls": second.value}) for c in bench.session.project.clicks[::3]]
    bench.session.edit(bench.session.project.with_clicks(*clicks), "recolor")


def trained(bench, task):
    choose_task(bench, task)
    bench.panel.train_page.work.start_button.click()
    bench.settle()
    run = bench.session.project.runs[-1]
    assert run.state == "done", run.error
    assert run.task == task
    return run


def results(bench):
    bench.panel.show_step(4)
    bench.settle()
    return bench.panel.results_page


def heat(bench, top=2.0):
    """Heat maps of the image in view: class 1 in the upper left, class 2 in the lower right."""
    maps = {1: np.zeros(SHAPE, np.float32), 2: np.zeros(SHAPE, np.float32)}
    maps[1][10:30, 10:30] = top
    maps[2][100:120, 130:150] = top / 2
    maps[2][:10] = -1.0
    (ref,) = bench.session.project.images
    return HeatMaps(image=ref.id, run="r", maps=maps, method="gradcam", layer="up")


@pytest.fixture
def evidence(clicked):
    """The results step with heat maps of two classes in view."""
    with_second_class(clicked)
    clicked.panel.show_step(4)
    clicked.settle()
    box = clicked.panel.results_page.heat_maps
    field = clicked.panel.layers.image
    box.show()
    box.show_maps(heat(clicked), clicked.session.project, "r, discs", field)
    clicked.settle()
    return clicked, box


def test_task_and_network_are_chosen_in_words(clicked):
    choose_task(clicked, "detect")
    choice = clicked.panel.train_page.task
    assert "where objects are" in choice.told.text()
    assert choice.network.isVisible()
    QTest.keyClick(choice.network, Qt.Key.Key_End)
    assert clicked.session.project.train_spec.model.name == "centers"
    for _ in range(3):  # the network, and each task on the way to this one
        clicked.panel.header.undo_button.click()
    assert clicked.session.project.train_spec == TrainSpec()
    assert choice.task.currentData() == "segment"
    assert not choice.network.isVisible()


def test_a_task_that_is_not_installed_is_shown_and_kept(qtbot):
    spec = TrainSpec(task="count-by-density", seed=3)
    choice = TaskChoice(spec)
    qtbot.addWidget(choice)
    assert choice.task.currentText() == "count-by-density (not installed)"
    assert "install the package" in choice.told.text()
    told = []
    choice.changed.connect(told.append)
    choice.task.setCurrentIndex(choice.task.findData("detect"))
    assert told[-1].task == "detect"
    choice.show_spec(spec)
    assert choice.task.count() == choice.task.findData("count-by-density") + 1


def test_other_settings_stay_as_they_are(qtbot):
    choice = TaskChoice(TrainSpec(minutes=7, seed=3))
    qtbot.addWidget(choice)
    told = []
    choice.changed.connect(told.append)
    choice.task.setCurrentIndex(choice.task.findData("classify"))
    assert [(s.task, s.minutes, s.seed, s.model.name) for s in told] == [("classify", 7, 3, "")]


def test_detector_is_trained_and_its_boxes_are_shown(clicked):
    trained(clicked, "detect")
    panel = results(clicked)
    (layer,) = clicked.panel.layers.outputs.predictions
    assert layer in clicked.viewer.layers
    assert layer.name.startswith("Prediction: ")
    assert not panel.heat_maps.isVisible()  # boxes say themselves where it looks


def test_boxes_lie_on_their_objects_in_the_color_of_their_class(opened):
    (ref,) = opened.session.project.images
    things = tuple(
        FoundObject(n, 1, 0.9, (y, x), ((y - 7.5, y + 8.5), (x - 7.5, x + 8.5)))
        for n, (y, x) in enumerate(CENTERS, 1)
    )
    layers = opened.panel.layers
    found = BoxPrediction(image=ref.id, run="r", objects=things, candidates=things)
    layers.outputs.show_prediction(found, "Prediction: x", layers.image)
    opened.settle()
    (middles,) = layers.outputs.predictions
    lines = next(x for x in opened.viewer.layers if x.name == "Boxes: x")
    assert np.allclose(middles.data, CENTERS)
    assert list(middles.features["score"]) == [0.9] * len(CENTERS)
    first = lines.data[:4]
    assert np.allclose(first[:, 0].min(axis=0), np.array(CENTERS[0]) - 8)
    assert np.allclose(first[:, 0].max(axis=0), np.array(CENTERS[0]) + 8)
    assert np.allclose(first[:, 0] + first[:, 1], np.roll(first[:, 0], -1, axis=0))
    color = opened.session.project.classes[0].color
    assert np.allclose(
        lines.edge_color[0][:3] * 255, [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    )


def test_no_box_at_all_is_shown_as_nothing(opened):
    (ref,) = opened.session.project.images
    weak = (FoundObject(1, 1, 0.1, (20, 20), ((10, 30), (10, 30))),)
    found = BoxPrediction(image=ref.id, run="r", objects=(), candidates=weak)
    layers = opened.panel.layers
    layers.outputs.show_prediction(found, "x", layers.image)
    opened.settle()
    assert len(opened.panel.layers.outputs.predictions[0].data) == 0


def test_classifier_tells_what_an_image_shows_and_where_it_looks(clicked):
    with_second_class(clicked)
    trained(clicked, "classify")
    panel = results(clicked)
    assert panel.found_table.isVisible()
    assert panel.found_table.rowCount() == 1
    assert panel.found_table.columnCount() == 2
    assert panel.found_table.item(0, 0).text().endswith("%")
    QTest.mouseClick(panel.heat_maps.button, Qt.MouseButton.LeftButton)
    clicked.settle()
    layers = clicked.panel.layers.heat_maps.layers
    assert set(layers) == {1, 2}
    for layer in layers.values():
        assert layer.blending == "additive"
        assert layer.data.shape == SHAPE
        assert layer in clicked.viewer.layers
    assert "cam" in panel.heat_maps.about.text().lower()


def test_segmenting_models_are_explained_without_plain_cam(clicked):
    trained(clicked, "segment")
    panel = results(clicked)
    assert panel.heat_maps.isVisible()
    assert panel.heat_maps.methods.findData("cam") == -1
    panel.heat_maps.methods.setCurrentIndex(panel.heat_maps.methods.findData("gradcam++"))
    QTest.mouseClick(panel.heat_maps.button, Qt.MouseButton.LeftButton)
    clicked.settle()
    first = dict(clicked.panel.layers.heat_maps.layers)
    QTest.mouseClick(panel.heat_maps.button, Qt.MouseButton.LeftButton)
    clicked.settle()
    assert not any(layer in clicked.viewer.layers for layer in first.values())
    assert len(clicked.panel.layers.heat_maps.layers) == 1


def test_each_map_has_a_range_of_its_own_and_all_share_the_slider(evidence):
    _, box = evidence
    layers = box.layers.layers
    limits = [tuple(layer.contrast_limits) for layer in layers.values()]
    assert limits == [(0.5, 2.0), (0.25, 1.0)]  # dark up to a quarter of the way
    box.contrast.setFocus()
    for _ in range(10):
        QTest.keyClick(box.contrast, Qt.Key.Key_PageDown)
    low, top = layers[1].contrast_limits
    assert low == 0.5
    assert top < 2.0
    assert layers[2].contrast_limits[1] < 1.0


def test_legend_and_layers_are_switched_together(evidence):
    bench, box = evidence
    switch, layer = box.rows[2].box, box.layers.layers[2]
    assert [one.visible for one in box.layers.layers.values()] == [True, False]
    assert "speaks for 'object'" in box.about.text()
    switch.click()  # one class at a time
    assert [one.visible for one in box.layers.layers.values()] == [False, True]
    assert not box.rows[1].box.isChecked()
    assert "speaks for 'dust'" in box.about.text()
    box.one.click()
    box.rows[1].box.click()
    assert all(one.visible for one in box.layers.layers.values())
    layer.visible = False
    assert not switch.isChecked()
    bench.viewer.layers.remove(layer)
    assert 2 not in box.layers.layers
    switch.click()  # does no harm


def test_click_on_a_place_shows_the_evidence_there_and_edits_nothing(evidence):
    bench, box = evidence
    clicks = bench.session.project.clicks
    number = len(bench.clicks.data)
    QTest.mouseClick(box.place_button, Qt.MouseButton.LeftButton)
    assert box.place_button.isChecked()
    bench.click((20, 20))
    assert [box.rows[v].number.text() for v in (1, 2)] == ["2", "0"]
    assert [box.rows[v].bar.value() for v in (1, 2)] == [1000, 0]
    bench.click((110, 140))
    assert [box.rows[v].bar.value() for v in (1, 2)] == [0, 1000]
    bench.click((4, 4))
    assert box.rows[2].number.text() == "-1"
    assert box.rows[2].bar.value() == 0
    (place,) = [x for x in bench.viewer.layers if x.name == "Heat map: place"]
    assert np.allclose(place.data[0], (4, 4), atol=1)
    assert bench.session.project.clicks is clicks
    assert len(bench.clicks.data) == number
    QTest.mouseClick(box.place_button, Qt.MouseButton.LeftButton)
    bench.click((20, 20))
    assert np.allclose(place.data[0], (4, 4), atol=1)  # no longer listened to


def test_image_is_darkened_by_a_layer_of_its_own(evidence):
    bench, box = evidence
    (veil,) = [x for x in bench.viewer.layers if x.name == "Heat map: darkened image"]
    image = next(x for x in bench.viewer.layers if x.name == "discs")
    assert veil.visible
    assert image.opacity == 1.0
    assert bench.viewer.layers.index(image) < bench.viewer.layers.index(veil)
    assert np.allclose(veil.extent.world, image.extent.world)
    box.dark.click()
    assert not veil.visible


def test_maps_and_darkening_are_not_offered_as_images(evidence):
    bench, _ = evidence
    shown = [x for x in bench.viewer.layers if x.name.startswith(("Heat map", "darkened"))]
    assert len(shown) == 3
    assert all(bench.panel.layers.owns(layer) for layer in shown)


def test_another_project_takes_the_maps_away(evidence):
    bench, box = evidence
    bench.panel.controller.show(None)
    assert not box.layers.layers
    assert not [x for x in bench.viewer.layers if x.name.startswith("Heat map")]
    assert not box.legend.isVisible()


def test_what_is_found_on_an_image_out_of_view_is_shown_once_it_is_in_view(clicked):
    run, panel, layers = trained(clicked, "segment"), clicked.panel, clicked.panel.layers
    other = clicked.viewer.add_image(np.zeros((64, 64), np.uint8), name="other")
    panel.files.use_layer(other)
    clicked.settle()
    first, second = clicked.session.project.images
    layers.show_image(first)
    page = results(clicked)
    for item in page.images.findItems("*", Qt.MatchFlag.MatchWildcard):
        item.setCheckState(Qt.CheckState.Checked)
    page.predict_button.click()
    clicked.settle()
    names = {layer.name for layer in layers.outputs.predictions}
    assert not any(name.endswith(second.name) for name in names)
    page.heat_maps.button.click()
    panel.show_step(0)
    layers.show_image(second)
    clicked.settle()
    assert not layers.heat_maps.layers
    results(clicked)
    assert f"Prediction: {run.name}, {second.name}" in clicked.viewer.layers
    layers.show_image(first)
    clicked.settle()
    assert layers.heat_maps.layers[1].visible
    assert page.heat_maps.legend.isVisible()


def test_scores_of_heat_maps_stand_below_those_of_predictions(clicked):
    hold_out_with_truth(clicked)
    run = trained(clicked, "segment")
    page = results(clicked)
    page.heat_maps.button.click()
    clicked.settle()
    of_objects, of_maps = clicked.session.project.run(run.id).scores
    assert of_maps.task == "cam"
    assert page.scores.tables[0].rowCount() == len(of_objects.values)
    assert page.map_scores.tables[0].rowCount() == len(of_maps.values)
    assert page.map_scores.caption.text() == f"Scores of the heat maps, {of_maps.caption()}"
    assert of_objects.caption() in " ".join(clicked.viewer.canvas.overlays.text.text.split())
