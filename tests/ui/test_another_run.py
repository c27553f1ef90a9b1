"""Step 5 shows in the viewer what the chosen model found, and not what another one did."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import FoundObject, HeatMaps, InstancePrediction
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.ui.presenters.images.pictures import image_key
from napari_synthseg.workflow.jobs import Job
from tests.helpers.sessions import add_array, add_masks
from tests.ui.conftest import SHAPE

pytestmark = pytest.mark.gui


def prediction(run: str, image: str) -> InstancePrediction:
    """Return one object, larger for the second run."""
    ids = np.zeros(SHAPE, np.int32)
    ids[10:20, 10 : 20 * int(run[-1])] = 1
    thing = FoundObject(1, 1, 0.5, (14.5, 14.5), ((10, 20), (10, 20)))
    return InstancePrediction(image=image, run=run, ids=ids, objects=(thing,))


@pytest.fixture
def two_runs(opened, monkeypatch):
    """Step 5 with two models, the second of which has predicted."""
    session = opened.session
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=16.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
    for number in (1, 2):
        run = TrainingRun(
            id=f"r{number}", name=f"run {number}", state="done", steps=900, model=model
        )
        session.edit(session.project.with_run(run), "add run")
    opened.click_all()

    def predict(run, refs, adapt=False, magnification=None):
        def make():
            made = [prediction(run.id, ref.id) for ref in refs]
            session.found.setdefault(run.id, {}).update({one.image: one for one in made})
            return made

        return Job.of("predict", make)

    monkeypatch.setattr(session, "predict", predict)
    opened.panel.show_step(4)
    opened.settle()
    return opened


def choose(bench, number):
    bench.panel.results_page.runs.setCurrentIndex(number - 1)
    bench.settle()


def seen(bench):
    """Return the names of the predictions that are seen; napari numbers those of one name."""
    shown = bench.panel.layers.outputs.predictions
    return [x.name.partition(" [")[0] for x in shown if x.visible]


def test_what_the_chosen_model_found_is_in_view(two_runs):
    page = two_runs.panel.results_page
    assert seen(two_runs) == ["Prediction: run 2, discs"]
    choose(two_runs, 1)
    assert seen(two_runs) == []
    assert page.found_text.text() == "No results of run 1 are shown: press Predict."
    page.predict_button.click()
    two_runs.settle()
    assert seen(two_runs) == ["Prediction: run 1, discs"]
    choose(two_runs, 2)
    assert seen(two_runs) == ["Prediction: run 2, discs"]
    second = two_runs.panel.layers.outputs.predictions[0]
    choose(two_runs, 1)
    assert seen(two_runs) == ["Prediction: run 1, discs"]
    page.found.set_least(0.99)  # acts on what is seen
    first = two_runs.panel.layers.outputs.predictions[-1]
    two_runs.wait(lambda: not first.data.any())
    two_runs.settle()
    assert second.data.any()
    first.visible = False  # what the user hides stays hidden
    page.refresh()
    two_runs.settle()
    assert seen(two_runs) == []


def test_the_choice_holds_on_other_images_and_once_layers_were_dropped(two_runs):
    panel, page = two_runs.panel, two_runs.panel.results_page
    (first,) = two_runs.session.project.images
    other = add_array(two_runs.session, np.zeros(SHAPE, np.uint8), "yx", "other")
    for number in (1, 2):
        choose(two_runs, number)
        for item in page.images.findItems("*", Qt.MatchFlag.MatchWildcard):
            item.setCheckState(Qt.CheckState.Checked)
        page.predict_button.click()
        two_runs.settle()
    panel.layers.show_image(other)
    two_runs.settle()
    assert seen(two_runs) == ["Prediction: run 2, other"]
    choose(two_runs, 1)
    assert seen(two_runs) == ["Prediction: run 1, other"]
    number = len(panel.layers.outputs.predictions)
    panel.layers._drop_layers([image_key(first)])
    panel.layers.show_image(first)
    two_runs.settle()
    assert seen(two_runs) == ["Prediction: run 1, discs"]
    choose(two_runs, 2)
    assert seen(two_runs) == ["Prediction: run 2, discs"]
    assert len(panel.layers.outputs.predictions) == number  # none of them twice


def test_an_image_that_was_not_predicted_is_named(two_runs):
    page = two_runs.panel.results_page
    other = add_array(two_runs.session, np.zeros(SHAPE, np.uint8), "yx", "other")
    two_runs.panel.layers.show_image(other)
    two_runs.settle()
    assert "No results of run 2 on other are shown: tick it above" in page.found_text.text()


def test_heat_maps_of_another_model_go_and_come_back(two_runs):
    panel = two_runs.panel
    (ref,) = two_runs.session.project.images
    maps = {1: np.ones(SHAPE, np.float32)}
    made = HeatMaps(image=ref.id, run="r2", maps=maps, method="gradcam", layer="up")
    panel.results_page.heat_maps.show_maps(
        made, two_runs.session.project, "run 2, discs", panel.layers.image
    )
    two_runs.settle()
    assert panel.layers.heat_maps.layers
    choose(two_runs, 1)
    assert not panel.layers.heat_maps.layers
    assert panel.results_page.heat_maps.legend.isHidden()
    choose(two_runs, 2)
    assert panel.layers.heat_maps.layers[1].visible


def test_a_new_project_or_an_undone_image_on_step_5_does_no_harm(two_runs):
    page = two_runs.panel.results_page
    add_array(two_runs.session, np.zeros(SHAPE, np.uint8), "yx", "other")
    for item in page.images.findItems("*", Qt.MatchFlag.MatchWildcard):
        item.setCheckState(Qt.CheckState.Checked)
    two_runs.session.found.clear()  # so that the highlighted button asks what is ticked
    two_runs.session.undo()
    assert page.images.count() == 1
    two_runs.panel.files.new_project()
    two_runs.settle()
    assert page.images.count() == 0
    assert two_runs.panel.step == -1


# --- other parts of the page that follow the image in view ---------------------------------------


def test_the_switch_of_the_true_outlines_says_what_is_shown(two_runs):
    panel, page = two_runs.panel, two_runs.panel.results_page
    (first,) = two_runs.session.project.images
    second, third = (
        add_array(two_runs.session, np.zeros(SHAPE, np.uint8), "yx", name) for name in "bc"
    )
    truth = InstanceLabels(np.ones(SHAPE, np.int32), {1: 1})
    for ref in (first, second):
        add_masks(two_runs.session, ref, truth)
    page.refresh()

    def show(ref):
        panel.layers.show_image(ref)
        two_runs.settle()
        shown = [x for x in two_runs.viewer.layers if x.name == "True masks" and x.visible]
        return len(shown), page.truth_box.isChecked(), page.truth_box.isEnabled()

    page.truth_box.click()
    assert page.truth_box.isChecked(), "it is coming"
    two_runs.settle()
    assert show(first) == (1, True, True)
    assert show(third) == (0, False, False)
    assert show(second) == (1, True, True)
    two_runs.viewer.layers.remove("True masks")
    assert not page.truth_box.isChecked()
    assert show(first) == (0, False, True)
    page.truth_box.click()
    assert show(first) == (1, True, True)
    page.truth_box.click()
    assert show(second) == (0, False, True)


def test_ticks_stay_where_an_image_is_added_or_renamed(two_runs):
    page = two_runs.panel.results_page
    add_array(two_runs.session, np.zeros(SHAPE, np.uint8), "yx", "b")
    checked, unchecked = Qt.CheckState.Checked, Qt.CheckState.Unchecked
    page.images.item(0).setCheckState(unchecked)
    page.images.item(1).setCheckState(checked)
    project = two_runs.session.project
    renamed = project.images[0].model_copy(update={"name": "other name"})
    two_runs.session.edit(project.with_images(renamed), "rename")
    add_array(two_runs.session, np.zeros(SHAPE, np.uint8), "yx", "c")
    assert page.images.item(0).text().startswith("other name")
    states = [page.images.item(number).checkState() for number in range(3)]
    assert states == [unchecked, checked, unchecked]
