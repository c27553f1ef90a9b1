"""Learning dual images from masks: live pictures, pause, stop, going on, and what was rejected."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.labels import DualImage, RegionLabels
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Recipe, Synthesizer
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.ui.pages.realism_view import RealismView
from napari_synthseg.ui.presenters import dual_images
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_masks
from tests.ui.app.test_closing import BUSY, LIMIT_S, seconds_to_close
from tests.ui.conftest import SHAPE

pytestmark = pytest.mark.gui

SIZE = 32
STEPS = 40

GO_ON = threading.Event()
"""Learning waits for it halfway, so that a test may look at what is shown meanwhile."""
GO_ON.set()


def make_pair(index: int, shade: float = 0.5, rejection_reason: str = "") -> DualImage:
    values = np.zeros((SIZE, SIZE), np.int32)
    values[: SIZE // 2] = 1 + index % 2
    image = np.full((1, SIZE, SIZE), shade, np.float32)
    return DualImage(image, RegionLabels.of(values), index, rejection_reason)


class FakeSynthesizer(Synthesizer):
    notes = ("a note",)
    rejected: tuple[DualImage, ...] = ()
    faults: ClassVar[dict[int, str]] = {}
    statistics: ClassVar[dict[str, int]] = {
        "drawn": 5, "accepted": 3, "mask": 0, "agreement": 2,
    }  # fmt: skip

    def __init__(self) -> None:
        self.rejected = tuple(make_pair(i, 0.9, f"reason {i}") for i in range(2))

    def pair(self, index: int) -> DualImage:
        return make_pair(index, rejection_reason=self.faults.get(index, ""))


class FakeLearned(Recipe):
    """Learns in steps of 20 ms, and keeps how far it got."""

    learns_from = "masks"
    kind: Literal["fake-learned"] = "fake-learned"
    steps: int = STEPS

    def fit(self, source, artifacts=None):
        kept = artifacts.load("fake")
        step = int(kept[0]["step"][0]) if kept else 0
        try:
            while step < self.steps:
                step += 1
                time.sleep(0.02)
                if step == self.steps // 2:
                    GO_ON.wait(120)
                pictures = {"real": (make_pair(0, 0.2),), "drawn": (make_pair(step), make_pair(1))}
                stage = "learning codes" if step < self.steps // 2 else "learning the prior"
                values = {"loss": 1 / step, "codes used": 0.5}
                yield Progress(step / self.steps, f"{stage}: step {step}", values, pictures)
        finally:
            artifacts.save("fake", {"step": np.array([step])}, {})
        return FakeSynthesizer()


@pytest.fixture
def learning(opened, monkeypatch):
    """An image with two kinds of regions, at the step of the dual images."""
    monkeypatch.setattr(Recipe, "kinds", {"paste": Recipe.kinds["paste"], "x": FakeLearned})
    monkeypatch.setitem(Recipe.kinds, "fake-learned", Recipe.kinds.pop("x"))
    session = opened.session
    project = session.project
    session.edit(project.with_classes(project.next_class("other")), "add class")
    values = np.zeros(SHAPE, np.int32)
    values[:40], values[80:] = 1, 2
    add_masks(session, session.project.images[0], RegionLabels.of(values), kind="semantic")
    opened.panel.show_step(2)
    assert opened.panel.step == 2
    return opened


@pytest.fixture
def stalled() -> Iterator[threading.Event]:
    """Let learning stand still halfway until the event is set."""
    GO_ON.clear()
    yield GO_ON
    GO_ON.set()


def panel_of(bench):
    return bench.panel.synthesize_page


def shown(bench):
    image, labels = bench.panel.layers.preview.layers
    return np.asarray(image.data), np.asarray(labels.data)


def start(bench):
    QTest.mouseClick(bench.panel.primary, Qt.MouseButton.LeftButton)
    bench.wait(lambda: bench.panel.layers.preview.layers is not None)


def test_only_regions_choose_the_recipe_that_learns_from_them(learning):
    panel = panel_of(learning)
    assert panel.choice.form.model == FakeLearned()
    assert learning.session.project.recipe is None  # entering a page edits nothing
    assert panel.learn.isVisible()
    assert not panel.preview_row.isVisible()
    assert not panel.compare_button.isEnabled()
    assert panel.compare_button.toolTip()
    paste = panel.choice.kinds.model().item(panel.choice.kinds.findData("paste"))
    assert not paste.isEnabled()
    assert "Click" in paste.toolTip()
    assert learning.panel.primary.text() == "Learn"


def test_the_hint_says_whether_training_needs_dual_images(learning):
    panel, session = panel_of(learning), learning.session
    assert "training works without them" in panel.hint()
    for source in ("synthetic", "mixed"):
        spec = TrainSpec(source=source)
        session.edit(session.project.model_copy(update={"train_spec": spec}), "choose a source")
        assert panel.hint() == "Learn to draw dual images: training takes them."


def test_what_was_learned_is_compared_with_the_images_with_regions(learning):
    panel = panel_of(learning)
    start(learning)
    learning.settle()
    assert panel.compare_button.isEnabled()
    QTest.mouseClick(panel.compare_button, Qt.MouseButton.LeftButton)
    learning.wait(lambda: panel.findChild(RealismView) is not None)
    view = panel.findChild(RealismView)
    assert "Clearly different" in view.summary.text()  # those of this test are all of one level
    titles = {view.table.verticalHeaderItem(row).text() for row in range(view.table.rowCount())}
    assert "share of 'other'" in titles
    view.close()


def test_learning_shows_pictures_and_figures_then_pairs_in_the_same_layers(learning, stalled):
    panel = panel_of(learning)
    start(learning)
    image, labels = learning.panel.layers.preview.layers
    assert image.data.shape == (2, SIZE, 2 * SIZE + 4)  # real beside drawn
    assert np.allclose(image.data[0, :, :SIZE], 0.2)
    assert labels.contour == 0
    color = learning.session.project.object_class(2).color
    assert np.allclose(
        labels.get_color(2)[:3], [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )
    overlay = learning.viewer.canvas.overlays.text
    assert overlay.visible
    assert "real, drawn" in overlay.text
    learning.wait(lambda: "codes used 50%" in panel.learn.status.text())
    stalled.set()
    learning.settle()
    assert len(panel.learn.curve.points) > STEPS // 4
    pixels, ids = shown(learning)
    assert pixels.shape == ids.shape == (6, SIZE, SIZE)
    assert not overlay.visible
    told = panel.found.text()
    assert "2 of 5 drawn were rejected (2 image and mask do not agree)" in told
    assert "a note" in told
    assert learning.panel.primary.text() == "Next: train a model"


def test_rejected_pairs_are_looked_at_with_their_reason(learning):
    panel = panel_of(learning)
    start(learning)
    learning.settle()
    assert panel.rejected_box.text() == "Show rejected pairs (2)"
    panel.rejected_box.click()
    learning.settle()
    overlay = learning.viewer.canvas.overlays.text
    assert np.allclose(shown(learning)[0], 0.9)
    assert overlay.text == "Rejected 1 of 2: reason 0"
    learning.viewer.dims.set_current_step(0, 1)
    assert overlay.text == "Rejected 2 of 2: reason 1"
    panel.rejected_box.click()
    learning.settle()
    assert np.allclose(shown(learning)[0], 0.5)
    assert not overlay.visible


def test_a_pair_that_nothing_learns_from_says_so(learning, monkeypatch):
    monkeypatch.setattr(FakeSynthesizer, "faults", {1: "image and mask do not agree"})
    start(learning)
    learning.settle()
    overlay = learning.viewer.canvas.overlays.text
    learning.viewer.dims.set_current_step(0, 0)
    assert not overlay.text
    learning.viewer.dims.set_current_step(0, 1)
    told = " ".join(overlay.text.split())
    assert told == "Not used for training: image and mask do not agree"
    assert overlay.visible


def test_learning_is_paused_stopped_and_gone_on_with(learning):
    long, box = 5000, panel_of(learning).learn
    project = learning.session.project
    recipe = FakeLearned(steps=long)
    learning.session.edit(project.model_copy(update={"recipe": recipe}), "learn longer")
    start(learning)
    box.pause_button.click()
    assert box.pause_button.text() == "Resume"
    learning.qtbot.wait(150)
    before = box.bar.value()
    learning.qtbot.wait(150)
    assert box.bar.value() == before
    box.pause_button.click()
    learning.wait(lambda: box.bar.value() > before)
    box.stop_button.click()
    learning.settle()
    assert "Stopped" in box.status.text()
    assert box.start_button.text() == "Learn on"
    assert not learning.session.synthesizer_is_current
    artifacts = learning.session.artifacts
    assert 0 < int(artifacts.load("fake")[0]["step"][0]) < long
    artifacts.save("fake", {"step": np.array([long - 5])}, {})
    QTest.mouseClick(box.start_button, Qt.MouseButton.LeftButton)
    learning.settle()
    assert learning.session.synthesizer_is_current
    assert len(shown(learning)[0]) == 6


def test_the_training_then_mixes_real_and_learned(learning):
    learning.panel.show_step(3)
    form = learning.panel.train_page.form
    assert (form.model.task, form.model.source) == ("semantic", "real")
    form.fields["minutes"].native.setValue(9)  # of the settings only this one is chosen
    assert learning.session.project.train_spec.model_fields_set == {"minutes"}
    learning.panel.show_step(2)
    start(learning)
    learning.settle()
    learning.panel.show_step(3)
    spec = learning.panel.train_page.form.model
    assert (spec.task, spec.source, spec.real_fraction) == ("semantic", "mixed", 0.5)
    assert spec.minutes == 9


def test_painting_goes_on_while_it_learns(learning, stalled):
    start(learning)
    learning.panel.show_step(0)
    learning.panel.click_page.switch.buttons["regions"].click()
    learning.wait(lambda: learning.regions is not None)
    assert not learning.panel.layers.preview.layers[0].visible
    learning.drag((60, 30), (60, 90))
    learning.wait(lambda: not learning.panel.layers.regions.keeper.is_busy)
    assert learning.session.history.undo_label == "paint regions"
    stalled.set()
    learning.settle()
    assert not learning.session.synthesizer_is_current  # it was learned from other regions


def test_the_window_is_gone_at_once_while_it_learns(learning, stalled):
    start(learning)
    folder, job = learning.session.folder, learning.panel.controller.job("learning")
    assert seconds_to_close(learning) < BUSY * LIMIT_S
    assert job.outcome is None
    stalled.set()
    with Session.open(folder).result() as session:
        assert 0 < int(session.artifacts.load("fake")[0]["step"][0]) < STEPS


def test_previews_are_laid_out_off_the_thread_of_the_window(learning, monkeypatch):
    threads = []

    def lay_out(arrays):
        threads.append(threading.current_thread())
        return row_of_arrays(arrays)

    row_of_arrays = dual_images.place_in_row
    monkeypatch.setattr(dual_images, "place_in_row", lay_out)
    start(learning)
    learning.settle()
    assert threads
    assert threading.main_thread() not in threads


def test_a_change_of_settings_is_told_once_there_are_pairs(learning):
    panel = panel_of(learning)
    panel.choice.form.fields["steps"].native.setValue(STEPS + 1)
    assert panel.found.text() == ""
    start(learning)
    learning.settle()
    panel.choice.form.fields["steps"].native.setValue(STEPS + 2)
    assert panel.found.text() == "Settings have changed: learn on to see them."


def test_a_project_with_something_learned_offers_to_learn_on(learning):
    panel = panel_of(learning)
    assert panel.learn.start_button.text() == "Learn"
    start(learning)
    learning.settle()
    folder = learning.session.folder
    learning.panel.files.new_project()
    learning.panel.files.open_project(folder)
    learning.settle()
    learning.panel.show_step(2)
    assert panel.learn.start_button.text() == "Learn on"
    assert panel.choice.form.model == FakeLearned()  # kept, whatever is marked later


def test_pairs_made_while_another_page_is_in_sight_are_shown_on_return(learning, stalled):
    start(learning)
    learning.panel.show_step(0)
    stalled.set()
    learning.settle()
    learning.panel.show_step(2)
    learning.settle()
    assert shown(learning)[0].shape == (6, SIZE, SIZE)
    assert "Learning" not in learning.viewer.canvas.overlays.text.text
