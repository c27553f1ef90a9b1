"""A task of another distribution in the real panel, and the panel after it is gone."""

from __future__ import annotations

import pytest

from napari_synthseg.core.annotations import Click, ObjectClass
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array
from tests.plugins.conftest import uninstall
from tests.ui.conftest import CENTERS, DIAMETER, draw_discs

pytestmark = pytest.mark.gui

SPEC = TrainSpec(
    minutes=None, steps=40, batch_size=4, crop=64, device="cpu", model=ModelSpec(depth=1)
)


def choose(box, data):
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())  # as when a user chooses
    assert box.currentData() == data


def test_a_plugin_is_chosen_trained_and_shown(installed, clicked):
    panel, session = clicked.panel, clicked.session
    panel.show_step(2)
    clicked.settle()
    recipes = panel.synthesize_page.choice.kinds
    choose(recipes, "scatter")
    clicked.settle()
    assert session.project.recipe.kind == "scatter"
    panel.show_step(3)
    choice = panel.train_page.task
    choose(choice.task, "count")
    assert "peak at the center" in choice.told.text()
    assert [choice.network.itemData(i) for i in range(2)] == ["dilated", "unet"]
    spec = SPEC.model_copy(update={"task": "count"})
    panel.train_page.form.set_model(spec)
    panel.train_page.work.start_button.click()
    clicked.settle()
    (run,) = session.project.runs
    assert (run.state, run.task) == ("done", "count"), run.error
    panel.show_step(4)
    clicked.settle()
    panel.results_page.predict_button.click()
    clicked.settle()
    layer = panel.layers.outputs.predictions[-1]
    assert type(layer).__name__ == "Points" and len(layer.data)


def test_the_panel_opens_a_project_whose_plugin_is_gone(
    installed,
    tmp_path,
    request,
):
    folder = tmp_path / "used.synthseg"
    with Session.create(folder) as session:
        disc = ObjectClass(name="disc", value=1, diameter=DIAMETER)
        session.edit(session.project.with_classes(disc), "add class")
        ref = add_array(session, draw_discs(), "yx", "discs")
        clicks = [Click(image=ref.id, position=center, cls=1) for center in CENTERS]
        session.edit(session.project.with_clicks(*clicks), "click")
        spec = SPEC.model_copy(update={"task": "count"})
        chosen = {"train_spec": spec, "recipe": Recipe.kinds["scatter"]()}
        session.edit(session.project.model_copy(update=chosen), "choose")
    uninstall(installed)
    bench = request.getfixturevalue("bench")
    bench.panel.files.open_project(folder)
    bench.settle()
    bench.panel.show_step(2)
    bench.settle()
    assert "'scatter'" in bench.panel.synthesize_page.choice.problem.text()
    bench.panel.show_step(3)
    bench.settle()
    choice = bench.panel.train_page.task
    assert "The task 'count' is not installed" in choice.told.text()
    assert bench.session.project.train_spec.task == "count"
    choose(choice.task, "segment")
    assert "U-Net" in choice.told.text()


def test_a_plugin_that_cannot_be_used_is_told_when_the_panel_opens(monkeypatch, request):
    told = []
    monkeypatch.setattr("napari_synthseg.ui.app.widget.plugin_problems", lambda: ("It is broken.",))
    monkeypatch.setattr("napari_synthseg.ui.app.widget.warn", told.append)
    request.getfixturevalue("bench")
    assert told == ["It is broken."]
