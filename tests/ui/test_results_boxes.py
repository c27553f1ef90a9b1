"""Results in the window: mistakes, objects, threshold, taking away, applying."""

from __future__ import annotations

import csv
import threading

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.ui.pages.results.found import KEEP_DELAY_MS
from napari_synthseg.workflow.found import applying
from napari_synthseg.workflow.jobs import Job
from tests.ui.conftest import CENTERS, SHAPE

pytestmark = pytest.mark.gui


def disks(centers, radius=8) -> np.ndarray:
    y, x = np.indices(SHAPE)
    ids = np.zeros(SHAPE, np.int32)
    for number, (row, column) in enumerate(centers, 1):
        ids[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
    return ids


def prediction(image: str) -> InstancePrediction:
    """All disks but the last one, and one where there is none; scores fall from .9 on."""
    centers = [*CENTERS[:-1], (44, 80)]
    ids = disks(centers)
    objects = tuple(
        FoundObject(
            n, 1, round(0.95 - 0.05 * n, 2), (float(y), float(x)), ((y - 8, y + 9), (x - 8, x + 9))
        )
        for n, (y, x) in enumerate(centers, 1)
    )
    return InstancePrediction(image=image, run="r", ids=ids, objects=objects)


@pytest.fixture
def found(clicked, monkeypatch):
    """The page of results, with truth and a model that finds all but one, and one too many."""
    opened, session = clicked, clicked.session
    (image,) = session.project.images
    truth = InstanceLabels(disks(CENTERS), dict.fromkeys(range(1, 13), 1))
    session.import_labels(image, truth).result()
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=16.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
    run = TrainingRun(id="r", name="run 1", state="done", steps=900, model=model)
    session.edit(session.project.with_run(run), "add run")

    def predict(run, refs, adapt=False, magnification=None):
        made = [prediction(ref.id) for ref in refs]
        session.found[run.id] = {one.image: one for one in made}
        return Job.of("predict", lambda: made)

    monkeypatch.setattr(session, "predict", predict)
    opened.panel.show_step(4)
    opened.settle()
    opened.wait(lambda: bool(opened.panel.results_page.found.images))
    opened.settle()
    return opened


def press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_rows_of_images_with_long_names_are_seen_whole(found):
    project = found.session.project
    (ref,) = project.images
    long = ref.model_copy(update={"name": 4 * "a rather long name "})
    other = long.model_copy(update={"id": "other", "uri": "other.tif"})
    found.session.edit(project.with_images(long, other), "rename")
    images = found.panel.results_page.images
    found.wait(lambda: images.count() == 2)
    last = images.visualItemRect(images.item(1))
    assert last.bottom() <= images.viewport().height()
    assert images.item(1).toolTip().startswith(long.name)


def test_most_is_in_sight_and_nothing_scrolls_inside_what_scrolls(found):
    page, scores = found.panel.results_page, found.panel.results_page.scores
    found.wait(lambda: bool(scores.tables) and not scores.isVisible())
    shown = (page.predict_button, page.threshold, page.errors, page.suggest, page.improve)
    assert all(box.isVisible() for box in shown)
    assert max(box.geometry().bottom() for box in shown) < 560
    assert page.sizeHint().height() < 720  # a page and a third of a window of 1280 x 800
    press(page.scores_section.button)
    assert scores.isVisible()
    (table,) = scores.tables
    assert table.rowCount() > 12
    found.wait(lambda: table.viewport().height() > 0)
    assert table.verticalScrollBar().maximum() == 0


def test_mistakes_are_shown_and_gone_through(found):
    page, viewer = found.panel.results_page, found.viewer
    assert page.errors.isVisible()
    assert page.errors.summary.text().startswith("11 found, 1 missed, 1 false: F1 0.917")
    assert "count several times" in page.errors.summary.toolTip()
    marks = found.panel.layers.marks.layer
    assert sorted(marks.features["kind"]) == ["false", "missed"]  # what was found has its outline
    press(page.errors.found_too)
    found.settle()
    marks = found.panel.layers.marks.layer
    assert sorted(set(marks.features["kind"])) == ["false", "found", "missed"]
    assert len(set(map(str, marks.symbol))) == 3  # told apart without color, too
    press(page.errors.next_button)
    assert page.errors.words.text() == "1 of 2: false: " + page.errors.places[0].words[7:]
    assert "score .35" in page.errors.words.text()
    assert np.allclose(viewer.scene.camera.center[-2:], (44, 80))
    viewer.layers.selection.active = marks
    found.press("N")
    assert page.errors.words.text().startswith("2 of 2: missed: a true object of 16 px")
    assert np.allclose(viewer.scene.camera.center[-2:], CENTERS[-1], atol=1)
    found.press("B")
    assert page.errors.at == 0
    press(page.errors.switch)
    found.settle()
    assert found.panel.layers.marks.layer is None


def test_a_smallest_score_acts_at_once_and_is_kept(found):
    page, session = found.panel.results_page, found.session
    assert page.threshold.isVisible()
    (layer,) = found.panel.layers.outputs.predictions
    page.threshold.slider.setValue(40)
    assert page.threshold.about.text() == "11 of 12 objects: those that score 0.40 or more."
    found.wait(lambda: layer.data[44, 80] == 0)
    found.wait(lambda: page.errors.summary.text().startswith("11 found, 1 missed, 0 false"))
    found.wait(lambda: session.project.run("r").least_score == 0.4)
    found.settle()
    assert session.project.run("r").scores[-1].values["precision@0.5"] == 1.0
    assert found.panel.header.undo_button.text() == "↶ Undo change least score"
    press(found.panel.header.undo_button)
    found.wait(lambda: layer.data[44, 80] != 0)
    assert not page.threshold.reset_button.isEnabled()
    press(found.panel.header.redo_button)
    found.wait(lambda: layer.data[44, 80] == 0)
    found.settle()
    go = threading.Event()
    found.panel.controller.run(Job.of("other work", lambda: go.wait(60)))
    press(page.threshold.reset_button)
    found.wait(lambda: layer.data[44, 80] != 0)
    found.wait(lambda: session.project.run("r").least_score is None)
    assert session.project.run("r").scores[-1].values["precision@0.5"] == 1.0
    go.set()  # scores follow once the other work has ended
    found.settle()
    assert session.project.run("r").scores[-1].values["precision@0.5"] == pytest.approx(11 / 12)


def test_where_nothing_can_be_changed_a_smallest_score_still_filters_what_is_shown(
    found, monkeypatch, told
):
    page, session = found.panel.results_page, found.session
    (layer,) = found.panel.layers.outputs.predictions
    monkeypatch.setattr(type(session), "read_only", True)
    found.panel.controller.edit_lock.set("Opened read-only.")
    assert page.threshold.slider.isEnabled()
    before, told_before = session.project, len(told)
    page.threshold.slider.setValue(40)
    found.wait(lambda: layer.data[44, 80] == 0)
    found.qtbot.wait(KEEP_DELAY_MS + 300)
    found.settle()
    assert session.project is before
    assert len(told) == told_before
    assert page.threshold.about.text() == "11 of 12 objects: those that score 0.40 or more."
    assert page.threshold.reset_button.isEnabled()
    monkeypatch.undo()
    found.panel.controller.edit_lock.set("")


def test_the_table_and_the_image_are_linked(found, tmp_path):
    page, viewer = found.panel.results_page, found.viewer
    page.objects_section.open()
    found.wait(lambda: page.objects.rows is not None and len(page.objects.rows) == 12)
    box = page.objects
    assert box.counts.text() == "12 (object)"
    assert sum(box.histogram.counts) == 12
    box.table.setCurrentIndex(box.table.model().index(3, 0))
    assert np.allclose(viewer.scene.camera.center[-2:], CENTERS[3], atol=1)
    viewer.layers.selection.active = found.panel.layers.outputs.predictions[-1]
    viewer.fit_to_view()
    found.click(CENTERS[7])
    assert box.table.selected_rows == [7]
    score = box.rows.titles.index("score")
    box.table.sortByColumn(score, Qt.SortOrder.AscendingOrder)
    assert box.rows.columns[score].text(int(box.rows.order[0])) == "0.35"
    QTest.keyClicks(box.text, "score > 0.8")
    found.wait(lambda: len(box.rows) == 2)
    box.save(tmp_path / "objects.csv")
    found.settle()
    with (tmp_path / "objects.csv").open(newline="") as file:
        saved = list(csv.DictReader(file))
    assert [row["score"] for row in saved] == ["0.85", "0.9"]
    assert all(float(row["area_px2"]) == 197 for row in saved)


def test_results_are_taken_away_and_models_applied_to_folders(found, tmp_path, monkeypatch):
    page = found.panel.results_page
    page.take_away_section.open()
    page.take_away.what.choose("model")
    page.take_away.what.chosen.emit("model")
    assert not page.take_away.every.isVisible()
    page.take_away.what.choose("table")
    assert "table (CSV)" in page.take_away.parcel.title

    def apply_model(predictor, run, ref, folder, magnification):
        yield from ()
        return prediction(ref.id)

    def load_model(*_):
        yield from ()

    monkeypatch.setattr(applying, "apply_model", apply_model)
    monkeypatch.setattr(applying, "load_model", load_model)
    images = tmp_path / "more"
    images.mkdir()
    tifffile.imwrite(images / "a.tif", np.zeros(SHAPE, np.uint8))
    page.apply_section.open()
    page.apply.apply([images], tmp_path / "out")
    found.wait(lambda: page.apply.summary.isVisible())
    assert page.apply.summary.item(0, 0).text() == "12 (object)"
    assert page.apply.written.words.text() == f"3 files written to {tmp_path / 'out'}."
    opened = []
    page.apply.written.opened.connect(opened.append)
    monkeypatch.setattr("qtpy.QtGui.QDesktopServices.openUrl", lambda url: True)
    press(page.apply.written.button)
    assert opened == [tmp_path / "out"]
