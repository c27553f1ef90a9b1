"""The walk through the panel: patches, dual images, training, results."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Image, Layer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.progress import Progress
from napari_synthseg.workflow.jobs import Job
from tests.helpers.sessions import add_masks
from tests.ui.conftest import CENTERS, DIAMETER, SHAPE

pytestmark = pytest.mark.gui


def start_training(bench, **spec):
    panel = bench.panel.train_page
    bench.panel.show_step(3)
    panel.form.set_model(panel.form.model.model_copy(update=spec))
    panel.work.start_button.click()
    assert bench.panel.controller.job("training") is not None
    return panel


def trained(bench):
    start_training(bench)
    bench.settle()
    (run,) = bench.session.project.runs
    assert run.state == "done"
    return run


def hold_out_with_truth(bench):
    """Add the same image again as a test image with true masks."""
    session = bench.session
    (ref,) = session.project.images
    test = ref.model_copy(update={"id": "held", "name": "held", "role": "test"})
    session.edit(session.project.with_images(test), "add test image")
    add_masks(session, test, disc_masks())
    return test


def disc_masks():
    """Return the true masks of all discs."""
    rows, columns = np.indices(SHAPE)
    ids = np.zeros(SHAPE, np.int32)
    for number, (row, column) in enumerate(CENTERS, start=1):
        ids[np.hypot(rows - row, columns - column) < DIAMETER / 2] = number
    return InstanceLabels(ids, {int(i): 1 for i in range(1, len(CENTERS) + 1)})


def write_boxes(session, folder):
    """Write the boxes of all discs as a table; return it."""
    (ref,) = session.project.images
    rows = [f"{ref.name},object,{y - 8},{x - 8},{y + 8},{x + 8}" for y, x in CENTERS]
    table = folder / "boxes.csv"
    table.write_text("\n".join(["image,class,ymin,xmin,ymax,xmax", *rows]))
    return table


@pytest.mark.parametrize(("kind", "task"), [("boxes", "detect"), ("masks", "segment")])
def test_true_boxes_or_masks_alone_are_trained_on(opened, tmp_path, kind, task):
    panel, session = opened.panel, opened.session
    short = {"minutes": None, "steps": 2, "batch_size": 2, "crop": 64}
    spec = session.project.train_spec.model_copy(update=short)
    session.edit(session.project.model_copy(update={"train_spec": spec}), "train briefly")
    assert not panel.primary.isEnabled()
    if kind == "boxes":
        panel.controller.run(session.import_file(write_boxes(session, tmp_path)))
    else:
        add_masks(session, session.project.images[0], disc_masks())
    opened.settle()
    assert not session.project.clicks
    assert "step 4" in panel.hint.text()
    panel.primary.click()
    assert panel.step == 3, "patches and dual images are not needed"
    page = panel.train_page
    assert (page.task.task.value, page.form.model.source) == (task, "real")
    panel.primary.click()
    opened.settle()
    (run,) = session.project.runs
    assert run.state == "done"
    panel.primary.click()
    assert panel.step == 4
    offered = panel.results_page.take_away.what
    titles = [offered.itemText(n) for n in range(offered.count())]
    assert titles and not any("pairs" in title for title in titles), "none can be made"


def test_locked_steps_say_why(bench):
    buttons = bench.panel.stepper.buttons
    assert all(b.locked for b in buttons)
    buttons[3].click()
    assert bench.panel.step == -1
    assert bench.panel.hint.text() == "Choose an image first."


def test_next_step_leads_to_the_patches(clicked):
    clicked.panel.show_step(0)
    QTest.mouseClick(clicked.panel.primary, Qt.MouseButton.LeftButton)
    clicked.settle()
    assert clicked.panel.step == 1
    library = clicked.session.library
    assert library is not None
    gallery = clicked.panel.patches_page.gallery
    assert gallery.model().rowCount() == len(library.patches) == 12


def test_rejecting_in_the_gallery_and_undo(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    panel = clicked.panel.patches_page
    gallery = panel.gallery
    cell = gallery.visualRect(gallery.model().index(0, 0)).center()
    QTest.mouseClick(
        gallery.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, cell
    )
    (chosen,) = gallery.selected()
    QTest.keyClick(gallery, Qt.Key.Key_R)
    assert clicked.session.project.rejected() == {chosen.id}
    assert chosen.id not in {p.id for p in clicked.session.library.usable()}
    assert clicked.panel.header.undo_button.text() == "↶ Undo reject patch"
    clicked.panel.header.undo_button.click()
    assert clicked.session.project.rejected() == frozenset()
    assert chosen.id in {p.id for p in clicked.session.library.usable()}


def test_a_long_undo_label_keeps_its_beginning(opened):
    project = opened.session.project
    label = "change training settings of a very long name"
    opened.session.edit(project.model_copy(update={"images": project.images[:0]}), label)
    button = opened.panel.header.undo_button
    assert button.text() == f"↶ Undo {label}"
    shown = button.shown_text()
    assert shown.startswith("↶ Undo chan") and shown.endswith("…")


def test_an_image_can_be_clicked_for_scoring_only(opened):
    page = opened.panel.click_page
    opened.click_all()
    role = page.images.details.role
    role.setCurrentIndex(role.findData("test"))
    page.exhaustive.click()
    (ref,) = opened.session.project.images
    assert (ref.role, ref.exhaustive) == ("test", True)
    assert page.table.item(0, 4).text() == "12"
    assert "only for scoring" in page.hint()
    assert not page.next_step().is_ready
    role.setCurrentIndex(role.findData("train"))
    assert opened.session.project.images[0].role == "train"
    assert page.next_step().is_ready


def test_gallery_orders_by_quality(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    panel = clicked.panel.patches_page
    worst = [p.quality for p in panel.gallery.items]
    panel.order.setCurrentText("best first")
    best = [p.quality for p in panel.gallery.items]
    assert worst == sorted(worst)
    assert best == sorted(best, reverse=True)


def test_double_click_on_a_patch_shows_it_in_the_image(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    gallery = clicked.panel.patches_page.gallery
    index = gallery.model().index(3, 0)
    patch = gallery.items[3]
    gallery.doubleClicked.emit(index)
    expected = [o + c for o, c in zip(patch.origin, patch.center, strict=True)]
    assert np.allclose(clicked.viewer.scene.camera.center[-2:], expected)


def test_preview_shows_images_and_labels_beside_the_image(clicked):
    clicked.panel.synthesize_page.count.setValue(3)
    clicked.panel.show_step(2)
    clicked.settle()
    images, labels = clicked.panel.layers.preview.layers
    assert images.data.shape == labels.data.shape
    assert len(images.data) == 3
    assert labels.data.max() > 0
    assert images.extent.world[0][-1] > 160  # beside the image, not upon it
    assert images in clicked.viewer.layers
    assert labels in clicked.viewer.layers


def test_the_view_stays_where_the_user_looks_unless_dual_images_go(clicked):
    camera = clicked.viewer.scene.camera
    place, zoom = (0.0, 24.0, 134.0), 15.0
    camera.center, camera.zoom = place, zoom
    for step in (1, 3, 4, 0):
        clicked.panel.show_step(step)
        clicked.settle()
        assert (camera.center, camera.zoom) == (place, zoom)
    clicked.panel.show_step(2)
    clicked.settle()
    assert camera.center[2] > 160
    clicked.panel.show_step(0)
    assert np.allclose(camera.center, (0, 63.5, 79.5)) and camera.zoom < 10


def test_the_slider_of_dual_images_goes_and_comes_with_them(clicked):
    panel, dims = clicked.panel, clicked.viewer.dims
    panel.synthesize_page.count.setValue(3)
    panel.show_step(2)
    clicked.settle()
    images, labels = panel.layers.preview.layers
    assert dims.nsteps[0] == 3
    dims.set_current_step(0, 2)
    third = images.data[2].copy(), labels.data[2].copy()
    panel.show_step(3)
    clicked.settle()
    assert dims.nsteps[0] == 1, "napari hides a slider of one step"
    assert np.array_equal(images.data[0], third[0]) and np.array_equal(labels.data[0], third[1])
    panel.show_step(0)
    panel.show_step(2)
    clicked.settle()
    assert (dims.nsteps[0], dims.current_step[0], len(images.data)) == (3, 2, 3)
    assert np.array_equal(images.data[2], third[0])
    assert (images.visible, labels.visible) == (True, True)
    panel.synthesize_page.preview_button.click()
    clicked.settle()
    assert panel.layers.preview.layers == (images, labels), "the same layers show others"


def test_a_layer_that_a_step_hides_is_not_the_selected_one(clicked):
    panel, selection = clicked.panel, clicked.viewer.layers.selection
    trained(clicked)
    for _ in range(2):
        panel.show_step(2)
        clicked.settle()
        panel.show_step(2)
        selection.active = panel.layers.preview.layers[1]
        panel.show_step(3)
        assert selection.active is clicked.clicks
        assert selection.active.visible
        panel.show_step(2)
        selection.active = panel.layers.preview.layers[1]
        panel.show_step(4)
        clicked.settle()
        assert selection.active is panel.layers.outputs.predictions[-1]
        assert selection.active.visible
    panel.show_step(0)
    clicked.viewer.layers.remove(panel.layers.outputs.predictions[-1])
    assert selection.active is not None
    panel.show_step(4)
    assert selection.active.name == "discs"


def test_changing_a_setting_changes_the_recipe_and_asks_for_a_new_preview(clicked):
    clicked.panel.show_step(2)
    clicked.settle()
    panel = clicked.panel.synthesize_page
    box = panel.choice.form.fields["density"].native
    box.setValue(box.value() / 2)
    assert clicked.session.project.recipe.density == pytest.approx(box.value())
    assert clicked.session.history.undo_label == "change recipe"
    assert "again" in panel.found.text()


def test_settings_stay_when_another_task_is_chosen(clicked):
    clicked.panel.show_step(3)
    clicked.settle()
    page = clicked.panel.train_page
    page.form.fields["steps"].native.setValue(7)
    assert clicked.session.project.train_spec.steps == 7
    page.task.task.setCurrentIndex(page.task.task.findData("detect"))
    assert clicked.session.project.train_spec.task == "detect"
    assert clicked.session.project.train_spec.steps == 7


def test_training_pauses_goes_on_and_stops(clicked):
    panel = start_training(clicked, steps=100_000)
    assert len(panel.introduction.text()) < 40, "one line, so that the curve is in sight"
    job = clicked.panel.controller.job("training")
    clicked.wait(lambda: len(panel.work.curve.points) > 0)
    panel.work.pause_button.click()
    assert job.state == "paused"
    assert panel.work.pause_button.text() == "Resume"
    before = -1
    for _ in range(20):  # the batch in hand may still end
        if before == len(panel.work.curve.points):
            break
        before = len(panel.work.curve.points)
        clicked.qtbot.wait(500)
    assert len(panel.work.curve.points) == before
    panel.work.pause_button.click()
    clicked.wait(lambda: len(panel.work.curve.points) > before)
    panel.work.stop_button.click()
    clicked.settle()
    (run,) = clicked.session.project.runs
    assert run.state == "cancelled"
    assert run.model
    assert not panel.work.pause_button.isEnabled()


def test_clicking_goes_on_while_training(clicked):
    start_training(clicked, steps=100_000)
    clicked.panel.show_step(0)
    number = len(clicked.session.project.clicks)
    clicked.click((44, 44))
    assert len(clicked.session.project.clicks) == number + 1
    clicked.panel.controller.cancel("training")
    clicked.settle()
    assert len(clicked.session.project.clicks) == number + 1


def test_a_failure_in_training_is_told_and_kept(clicked, monkeypatch):
    def fail(*args, **kwargs):
        yield from ()
        raise RuntimeError("it broke, say")

    monkeypatch.setattr("napari_synthseg.tasks.train.train_model", fail)
    told = []
    monkeypatch.setattr(
        "napari_synthseg.ui.control.controller.report", lambda outcome, _: told.append(outcome)
    )
    start_training(clicked)
    clicked.settle()
    (run,) = clicked.session.project.runs
    assert run.state == "failed"
    assert "it broke, say" in run.error
    assert [str(o.error) for o in told] == ["it broke, say"]
    assert "Failed: it broke, say" in clicked.panel.train_page.work.status.text()


def test_predictions_go_into_new_layers_and_scores_over_the_canvas(clicked):
    hold_out_with_truth(clicked)
    run = trained(clicked)
    clicked.panel.show_step(4)
    clicked.settle()
    layers = clicked.panel.layers.outputs
    (first,) = layers.predictions
    first.data[:4, :4] = 77
    drawn = first.data.copy()
    clicked.panel.results_page.predict_button.click()
    clicked.settle()
    assert len(layers.predictions) == 2
    assert layers.predictions[0] is first
    assert np.array_equal(first.data, drawn)
    (scores,) = clicked.session.project.run(run.id).scores
    text = clicked.viewer.canvas.overlays.text
    assert text.visible
    assert scores.caption() in " ".join(text.text.split())
    shown = clicked.panel.results_page.scores
    assert shown.tables[0].rowCount() == len(scores.values)
    assert scores.caption() in shown.caption.text()


def test_a_prediction_is_shown_where_scoring_fails(clicked, monkeypatch):
    from napari_synthseg.core.errors import InputError
    from napari_synthseg.workflow import evaluating

    def fail(*args, **kwargs):
        raise InputError("The true masks are gone: import them again.")
        yield

    hold_out_with_truth(clicked)
    trained(clicked)
    monkeypatch.setattr(evaluating, "score", fail)
    clicked.panel.show_step(4)
    clicked.settle()
    assert len(clicked.panel.layers.outputs.predictions) == 1


def test_reopening_restores_what_was_done(clicked):
    folder, project = clicked.session.folder, clicked.session.project
    clicked.panel.files.new_project()
    assert not clicked.session
    clicked.panel.files.open_project(folder)
    clicked.settle()
    assert clicked.session.project == project
    assert clicked.panel.step == 0
    assert len(clicked.clicks.data) == 12


def test_save_as_goes_on_with_the_copy(clicked, tmp_path):
    project = clicked.session.project
    clicked.panel.files.save_as(tmp_path / "mine.synthseg")
    clicked.settle()
    clicked.wait(lambda: clicked.session.folder.name == "mine.synthseg")
    clicked.settle()
    assert clicked.session.project.clicks == project.clicks
    assert not clicked.session.read_only


def test_the_tour_takes_all_steps_to_the_result(clicked, monkeypatch):
    monkeypatch.setattr("napari_synthseg.ui.app.guided_tour.PAUSE_MS", 100)
    clicked.panel.show_step(0)
    tour = clicked.panel.start_tour(minutes=0.02)
    clicked.wait(lambda: not tour.running and clicked.idle())
    assert clicked.panel.step == 4
    assert len(clicked.panel.layers.outputs.predictions) == 1


def test_a_sample_opened_from_the_menu_is_used_on_its_own_layer(bench):
    from napari_synthseg.sample_data import sediment_sample

    layers = [bench.viewer.add_layer(Layer.create(*data)) for data in sediment_sample()]
    images = [layer for layer in layers if isinstance(layer, Image)]
    assert "Use this sample" in bench.panel.primary.text()
    bench.panel.primary.click()
    bench.settle()
    assert bench.panel.step == 0
    shown = [layer for layer in bench.viewer.layers if isinstance(layer, Image)]
    assert shown == images
    assert len(bench.clicks.data) == len(bench.session.project.clicks) > 0


def test_an_unknown_sample_is_refused_by_name(bench):
    from napari_synthseg.core.errors import InputError

    with pytest.raises(InputError, match="sediment"):
        bench.panel.open_sample("moon")
    assert bench.session is None


def test_no_page_calls_other_work_its_own(clicked):
    go_on = threading.Event()

    def wait():
        yield Progress(0.0)
        go_on.wait(30)

    clicked.panel.controller.run(Job(wait(), "read discs"))
    for page in (clicked.panel.patches_page, clicked.panel.synthesize_page):
        assert page.hint() == "Busy: read discs…"
    go_on.set()
    clicked.settle()
    assert "Busy" not in clicked.panel.patches_page.hint()


def test_what_is_said_of_results_is_of_the_chosen_run(clicked):
    run = trained(clicked)
    clicked.panel.show_step(4)
    clicked.settle()
    page = clicked.panel.results_page
    said = page.found_text.text()
    assert said
    assert page.hint() == f"{run.steps} steps so far: train longer."
    assert page.next_step().text == "Improve: train longer"
    session = clicked.session
    session.edit(session.project.with_run(run.model_copy(update={"steps": 150})), "train")
    assert "Not good enough?" in page.hint()
    other = run.model_copy(update={"id": "other", "name": "other", "scores": ()})
    session.edit(session.project.with_run(other), "train")
    assert page.runs.value == "other"
    assert page.hint() == "See what the model finds."
    assert page.next_step().text == "Predict"
    assert page.found_text.text() == "No results of other are shown: press Predict."
    page.runs.setCurrentIndex(0)
    assert page.found_text.text() == said


def test_double_click_on_a_patch_of_an_image_that_is_not_read_shows_it_there(clicked):
    panel = clicked.panel
    panel.show_step(1)
    clicked.settle()
    gallery = panel.patches_page.gallery
    patch = gallery.items[3]
    other = clicked.viewer.add_image(np.zeros((64, 64), np.uint8), name="other")
    panel.files.use_layer(other)
    clicked.settle()
    clicked.viewer.layers.remove(clicked.viewer.layers["discs"])
    gallery.doubleClicked.emit(gallery.model().index(3, 0))
    clicked.settle()
    assert panel.layers.image.refs[0].id == patch.image
    expected = [o + c for o, c in zip(patch.origin, patch.center, strict=True)]
    assert np.allclose(clicked.viewer.scene.camera.center[-2:], expected)


def test_work_that_ended_with_its_project_is_not_shown_any_more(clicked):
    go_on = threading.Event()

    def wait():
        yield Progress(0.0)
        go_on.wait(30)

    clicked.panel.controller.run(Job(wait(), "read discs"))
    assert clicked.panel.work.isVisible()
    clicked.panel.files.new_project()
    go_on.set()
    assert not clicked.panel.work.isVisible()
    assert clicked.panel.results_page.predict_button.isEnabled()


def test_a_setting_that_is_refused_is_shown_as_it_still_is(clicked, monkeypatch):
    from napari_synthseg.core.errors import InputError

    def refuse(*_):
        raise InputError("read-only")

    clicked.panel.show_step(2)
    clicked.settle()
    monkeypatch.setattr(clicked.session, "edit", refuse)
    for page in (clicked.panel.synthesize_page.choice, clicked.panel.train_page):
        name = next(n for n in ("density", "minutes") if n in page.form.fields)
        field = page.form.fields[name]
        before = field.value
        field.native.setValue(7.0)
        assert field.value == before
