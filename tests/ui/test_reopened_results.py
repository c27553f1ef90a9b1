"""A project that is opened again shows in step 5 what its models found, and finds nothing anew."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import Cancelled, Progress
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.workflow import predicting
from tests.helpers.sessions import add_array, add_masks
from tests.ui.conftest import CENTERS, SHAPE

pytestmark = pytest.mark.gui

RADIUS = 8


def disks(centers):
    """Return ids of disks, and the objects, whose scores fall from .9 on."""
    y, x = np.indices(SHAPE)
    ids, objects = np.zeros(SHAPE, np.int32), []
    for number, (row, column) in enumerate(centers, 1):
        ids[(y - row) ** 2 + (x - column) ** 2 <= RADIUS**2] = number
        box = ((row - RADIUS, row + RADIUS + 1), (column - RADIUS, column + RADIUS + 1))
        score = round(0.95 - 0.05 * number, 2)
        objects.append(FoundObject(number, 1, score, (float(row), float(column)), box))
    return ids, tuple(objects)


@pytest.fixture
def looked(monkeypatch):
    """Names of runs and images that a model that finds all disks but one was applied to."""
    calls: list[tuple[str, str]] = []

    def load(folder, run, adapt_to):
        yield Progress(0.0, "loading")
        return None

    def find(predictor, run, ref, folder, magnification):
        yield Progress(0.0, "looking")
        calls.append((run.name, ref.name))
        ids, objects = disks(CENTERS[: -int(run.id[-1])])
        return InstancePrediction(image=ref.id, run=run.id, ids=ids, objects=objects)

    monkeypatch.setattr(predicting, "load_model", load)
    monkeypatch.setattr(predicting, "apply_model", find)
    return calls


@pytest.fixture
def predicted(clicked, looked):
    """Step 5 of a project with truth and two runs, of which the second was shown first."""
    session = clicked.session
    (image,) = session.project.images
    add_masks(session, image, InstanceLabels(disks(CENTERS)[0], dict.fromkeys(range(1, 13), 1)))
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=16.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
    for number in (1, 2):
        run = TrainingRun(id=f"r{number}", name=f"run {number}", state="done", steps=900)
        run = run.model_copy(update={"model": model})
        session.edit(session.project.with_run(run), "add run")
    clicked.panel.show_step(4)
    clicked.settle()
    choose(clicked, 1)
    clicked.panel.results_page.predict_button.click()
    clicked.settle()
    assert looked == [("run 2", "discs"), ("run 1", "discs")]
    return clicked


def choose(bench, number):
    bench.panel.results_page.runs.setCurrentIndex(number - 1)
    bench.settle()


def reopen(bench, change=lambda folder: None):
    """Leave the project, let it be changed on disk, and open it again; go to step 5."""
    folder, before = bench.session.folder, bench.session
    bench.panel.files.new_project()
    bench.settle()
    before.close().join(60)
    change(folder)
    bench.panel.files.open_project(folder)
    bench.wait(lambda: bench.session is not None and bench.session.folder == folder)
    bench.settle()
    bench.panel.show_step(4)
    bench.settle()
    return bench.panel.results_page


def seen(bench):
    shown = bench.panel.layers.outputs.predictions
    return [x.name.partition(" [")[0] for x in shown if x.visible]


def test_what_was_found_is_seen_again_and_looked_at_as_before(predicted, looked):
    page = predicted.panel.results_page
    choose(predicted, 2)
    said = page.found_text.text()
    assert said.startswith("Found: 10 (")
    del looked[:]
    page = reopen(predicted)
    assert looked == []
    assert page.found_text.text() == said
    assert seen(predicted) == ["Prediction: run 2, discs"]
    (layer,) = [x for x in predicted.panel.layers.outputs.predictions if x.visible]
    assert np.array_equal(np.asarray(layer.data), disks(CENTERS[:-2])[0])
    predicted.wait(lambda: page.errors.summary.text().startswith("10 found, 2 missed, 0 false"))
    assert page.scores.tables, "the scores are in the record of the run"
    page.objects_section.button.click()
    predicted.wait(lambda: page.found.rows is not None)
    assert len(page.found.rows) == 10
    page.threshold.slider.setValue(60)
    predicted.wait(lambda: np.unique(layer.data).size == 8)
    predicted.settle()
    assert page.next_step().text.startswith("Improve")
    assert looked == []
    page.predict_button.click()
    predicted.settle()
    assert looked == [("run 2", "discs")]


def test_another_run_shows_what_it_found_as_soon_as_nothing_else_runs(predicted, looked):
    page = reopen(predicted)
    del looked[:]
    assert list(predicted.session.found) == ["r2"]
    page.predict()
    page.runs.setCurrentIndex(0)
    predicted.settle()
    assert looked == [("run 2", "discs")], "run 1 is not applied"
    assert seen(predicted) == ["Prediction: run 1, discs"]
    assert page.found_text.text().startswith("Found: 11 (")
    choose(predicted, 2)
    assert seen(predicted) == ["Prediction: run 2, discs"]


def test_what_was_stopped_is_read_when_the_page_is_seen_again(predicted, looked, monkeypatch):
    stop = [True]
    read = predicting.recall

    def recall(*args):
        yield Progress(0.0, "about to read")
        if stop:
            raise Cancelled
        return (yield from read(*args))

    monkeypatch.setattr(predicting, "recall", recall)
    del looked[:]
    page = reopen(predicted)
    assert page.found_text.text() == "No results of run 2 are shown: press Predict."
    stop.clear()
    predicted.panel.show_step(3)
    predicted.panel.show_step(4)
    predicted.settle()
    assert looked == []
    assert page.found_text.text().startswith("Found: 10 (")


def test_images_other_than_those_predicted_since_are_read_too(predicted, looked):
    choose(predicted, 2)
    session = predicted.session
    (first,) = session.project.images
    other = add_array(session, np.zeros(SHAPE, np.uint8), "yx", "other")
    session.predict(session.project.run("r2"), [first, other]).result()
    session.found.clear()
    page = predicted.panel.results_page
    page._on_session_changed()  # as of a project that was opened while its page was seen
    session.predict(session.project.run("r2"), [other]).result()
    predicted.panel.show_step(3)
    del looked[:]
    predicted.panel.show_step(4)
    predicted.settle()
    assert looked == []
    assert set(session.found["r2"]) == {first.id, other.id}
    assert page.found_text.text().startswith("Found: ")


def test_what_no_longer_holds_is_found_anew(predicted, looked):
    del looked[:]
    (image,) = predicted.session.project.images
    corner = (((0.0, 0.0), (0.0, 9.0), (9.0, 9.0)),)
    limited = image.model_copy(update={"excluded": (corner,)})
    project = predicted.session.project.with_images(limited)
    predicted.session.edit(project, "set what counts")
    page = reopen(predicted)
    assert looked == [("run 2", "discs")]
    choose(predicted, 1)
    assert looked == [("run 2", "discs")]
    assert page.found_text.text() == "No results of run 1 are shown: press Predict."
    assert page.next_step().text == "Predict"


def test_a_damaged_file_is_told_once_and_found_anew(predicted, looked, told):
    del looked[:]

    def damage(folder):
        for path in folder.glob("runs/r2/predictions/*.tif"):
            path.write_bytes(path.read_bytes()[:200])

    reopen(predicted, damage)
    assert looked == [("run 2", "discs")]
    words = [each.message for each in told if "cannot be read again" in each.message]
    assert len(words) == 1
    assert words[0].startswith("run 2: what it found on 'discs' cannot be read again (")
    assert seen(predicted) == ["Prediction: run 2, discs"]


def test_the_image_on_which_something_was_found_is_shown(predicted, looked):
    session, page = predicted.session, predicted.panel.results_page
    choose(predicted, 2)
    other = add_array(session, np.zeros(SHAPE, np.uint8), "yx", "other")
    for item in page.images.findItems("*", Qt.MatchFlag.MatchWildcard):
        state = Qt.CheckState.Checked if "other" in item.text() else Qt.CheckState.Unchecked
        item.setCheckState(state)
    first = session.project.images[0]
    session.edit(session.project.without_image(first.id), "remove image")
    page.predict_button.click()
    predicted.settle()
    session.undo()
    renamed = session.project.with_images(
        session.project.image(first.id).model_copy(update={"pixel_size": (2.0, 2.0), "unit": "um"})
    )
    session.edit(renamed, "set pixel size")
    del looked[:]
    reopen(predicted)
    assert looked == []
    assert predicted.panel.layers.image.refs[0].id == other.id
