"""The window of runs: compared, renamed, deleted, used again, and copied as texts."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.workflow.jobs import Job

pytestmark = pytest.mark.gui

MEASURED = {"f1@0.5": 0.8}
SCORES = Scores(task="segment", measured_on="real", images=("a",), objects=9, values=MEASURED)


@pytest.fixture
def compared(opened):
    """The window, of a project with two runs."""
    for number, (state, scores) in enumerate([("done", (SCORES,)), ("running", ())], start=1):
        run = TrainingRun(
            id=f"r{number}", name=f"run {number}", state=state, scores=scores, steps=40,
            created=f"2026-01-0{number}T10:00:00+00:00", device="CPU, 2 threads (no CUDA device)",
            spec=TrainSpec(task="segment", steps=40 * number, start="r1" if number == 2 else None),
            recipe={"kind": "paste", "density": 0.5},
        )  # fmt: skip
        opened.session.edit(opened.session.project.with_run(run), "add run")
    opened.panel.show_step(3)
    page = opened.panel.train_page
    page.compare_button.click()
    return opened, page, page.runs_window


def row(window, number):
    table = window.table
    return [table.item(number, column).text() for column in range(table.columnCount())]


def test_runs_are_compared_renamed_deleted_and_used_again(compared):
    bench, page, window = compared
    assert row(window, 0)[0] == "cut off", "nobody trains it any more"
    assert "run 1" in row(window, 0) and "F1 at IoU 0.5: 0.800" in row(window, 1)
    tip = window.table.item(1, window.table.columnCount() - 1).toolTip()
    assert "measured on 9 true objects (masks) of the real image a" in tip
    assert window.go_on_button.isEnabled() and "cut off" in window.report.text()
    window.table.selectRow(1)
    assert not window.go_on_button.isEnabled()
    assert "steps = 40" in window.settings.toPlainText()
    window.name.selectAll()
    QTest.keyClicks(window.name, "coarse")
    QTest.keyClick(window.name, Qt.Key.Key_Return)
    assert bench.session.project.run("r1").name == "coarse"
    assert window.table.verticalHeaderItem(1).text() == "coarse"
    window.command_button.click()
    assert QApplication.clipboard().text().startswith("napari-synthseg train ")
    window.python_button.click()
    assert "open_project" in QApplication.clipboard().text()
    window.use_button.click()
    assert bench.session.project.train_spec.steps == 40
    assert page.form.model.steps == 40
    window.delete_button.click()
    assert window.asking.isVisible() and "'coarse'" in window.question.text()
    window.keep.click()
    assert not window.asking.isVisible()
    window.delete_button.click()
    window.confirm.click()
    assert [run.id for run in bench.session.project.runs] == ["r2"]
    assert window.table.rowCount() == 1
    bench.panel.header.undo_button.click()
    assert [run.name for run in bench.session.project.runs] == ["coarse", "run 2"]
    bench.panel.files.new_project()
    bench.settle()
    assert page.runs_window is None or not page.runs_window.isVisible()


def test_other_work_leaves_what_is_typed_asked_and_read(compared):
    bench, _, window = compared
    window.table.selectRow(1)
    window.name.selectAll()
    QTest.keyClicks(window.name, "half a na")
    window.delete_button.click()
    bar = window.settings.verticalScrollBar()
    bar.setValue(bar.maximum())
    for lane in ("display", "pictures", "training"):
        bench.panel.controller.run(Job.of("other work", lambda: None), lane=lane)
    bench.settle()
    assert window.name.text() == "half a na"
    assert window.asking.isVisible()
    assert bar.value() == bar.maximum()
    assert bench.session.project.run("r1").name == "run 1"


def test_a_newer_run_does_not_take_the_place_of_the_one_looked_at(compared):
    bench, _, window = compared
    assert window.run.id == "r2"
    third = TrainingRun(id="r3", name="run 3", created="2026-01-03T10:00:00+00:00")
    bench.session.edit(bench.session.project.with_run(third), "add run")
    assert window.run.id == "r2"
    assert window.table.selectionModel().selectedRows()[0].row() == 1


def test_a_name_that_is_refused_goes_back(compared):
    bench, _, window = compared
    window.table.selectRow(1)
    window.name.setText("run 2")
    QTest.keyClick(window.name, Qt.Key.Key_Return)
    assert window.name.text() == bench.session.project.run("r1").name == "run 1"
