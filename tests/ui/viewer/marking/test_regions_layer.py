"""Regions painted, undone and brought along are the project's, at once and after a reopening."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

from napari_synthseg.core.labels import UNKNOWN
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.choosing import suitable_recipe
from napari_synthseg.workflow.session import Session
from tests.ui.conftest import SHAPE

pytestmark = pytest.mark.gui

STROKE, OTHER = ((30, 30), (30, 90)), ((90, 30), (90, 90))


def kept(session):
    """Return the regions that a session knows of its first image, or None."""
    (ref, *_) = session.project.images
    truth = session.project.truth_of(ref, "semantic")
    if truth is None:
        return None
    labels = open_labels(truth, ref, session.folder)
    return np.where(labels.values == UNKNOWN, 255, labels.values)


def settled(bench):
    """Wait until what was painted is in the project, and return it."""
    bench.settle()  # what erases regions paints, too
    bench.wait(lambda: not bench.panel.layers.regions.keeper.is_busy)
    bench.settle()
    return kept(bench.session)


def kinds(values):
    """Return which values there are."""
    return set(np.unique(values).tolist())


def panel_of(bench):
    return bench.panel.click_page


def reopen(bench):
    """Close the project and open it again."""
    folder = bench.session.folder
    bench.panel.files.new_project()
    assert bench.regions is None
    bench.panel.files.open_project(folder)
    bench.wait(lambda: bench.regions is not None)
    bench.settle()


def arrays(folder):
    return len(list((folder / "arrays.zarr").glob("[0-9a-f]*")))


def test_strokes_of_classes_chosen_by_keys_are_kept_and_counted(painting):
    table, buttons = panel_of(painting).table, painting.panel.stepper.buttons
    assert painting.viewer.layers.selection.active.name == "Regions"
    assert all(b.locked for b in buttons[1:])
    painting.drag(*STROKE)
    painting.press("2")
    assert table.currentRow() == 1
    painting.drag(*OTHER)
    values = settled(painting)
    assert values.shape == SHAPE
    assert (values[30, 60], values[90, 60]) == (1, 2)
    assert np.array_equal(values, painting.regions.data)
    assert table.item(0, 4).text() == f"{(values == 1).mean():.0%}"
    assert painting.session.history.undo_label == "paint regions"
    row = table.visualItemRect(table.item(0, 2)).center()
    none = Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, none, row)
    assert painting.regions.selected_label == 1
    # step 2 is not needed, steps 3 and 4 are open
    assert [b.locked for b in buttons] == [False, True, False, False, True]
    buttons[1].click()
    assert painting.panel.step == 0
    assert not buttons[1].isChecked()
    assert "no patches" in painting.panel.hint.text()
    assert painting.panel.primary.text() == "Next: make dual images"
    assert painting.panel.primary.isEnabled()


def test_undoing_a_stroke_is_kept_too_whichever_undo_it_is(painting):
    painting.drag(*STROKE)
    one = settled(painting)
    painting.press("2")
    painting.drag(*OTHER)
    assert kinds(settled(painting)) == {0, 1, 2}
    painting.press("Ctrl+Z")
    assert np.array_equal(settled(painting), one)
    painting.press("Ctrl+Z")
    assert settled(painting) is None
    assert not painting.panel.layers.regions.painted
    painting.press("Ctrl+Shift+Z")
    assert np.array_equal(settled(painting), one)
    painting.panel.header.undo_button.click()
    painting.settle()
    assert not painting.regions.data.any()
    painting.panel.header.redo_button.click()
    painting.settle()
    assert np.array_equal(painting.regions.data, one)
    assert np.array_equal(kept(painting.session), one)


def test_a_reopened_project_shows_its_regions_and_holds_no_others(painting):
    folder = painting.session.folder
    for row in (20, 60, 100):
        painting.drag((row, 30), (row, 90))
        last = settled(painting)
    assert arrays(folder) == 4  # for undo; and the image
    reopen(painting)
    assert arrays(folder) == 2
    assert painting.panel.layers.marking == "regions"
    assert np.array_equal(painting.regions.data, last)
    assert painting.clicks is None


def test_a_stroke_is_not_lost_when_the_panel_closes_at_once(painting):
    folder = painting.session.folder
    painting.drag(*STROKE)
    shown = np.array(painting.regions.data)
    assert shown.any()
    assert painting.panel.layers.regions.keeper.is_busy
    painting.viewer.window.remove_dock_widget(painting.panel)
    session = Session.open(folder).result()
    assert np.array_equal(kept(session), shown)
    session.close().result()


def test_a_stroke_is_not_lost_when_the_layer_goes_or_the_viewer_closes(painting):
    folder = painting.session.folder
    painting.drag(*STROKE)
    painting.viewer.layers.remove(painting.regions)
    assert settled(painting)[30, 60] == 1
    button = panel_of(painting).show_regions
    assert button.isVisible()
    button.click()
    painting.wait(lambda: painting.regions is not None)
    painting.settle()
    painting.drag(*OTHER)
    assert painting.regions.data[90, 60] == 1
    painting.viewer.close()
    session = Session.open(folder).result()
    assert kept(session)[90, 60] == 1
    session.close().result()


def test_what_could_not_be_kept_is_told_and_tried_again(painting, monkeypatch, capsys):
    from napari_synthseg.core.errors import InputError
    from napari_synthseg.workflow import painting as module

    def full(*_):
        raise InputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_array", full)
        painting.drag(*STROKE)
        regions = painting.panel.layers.regions
        timer = regions.keeper.findChild(QTimer)
        painting.wait(lambda: regions.keeper.is_busy and not timer.isActive())
        painting.settle()
        assert kept(painting.session) is None
        assert "the disk is full" in capsys.readouterr().out
        assert regions.keeper.is_busy
    painting.drag(*OTHER)
    values = settled(painting)
    assert (values[30, 60], values[90, 60]) == (1, 1)


def test_what_is_not_painted_is_unknown_without_the_tick(painting):
    box = panel_of(painting).painting
    painting.drag(*STROKE)
    settled(painting)
    assert not box.ground_button.isVisible()
    box.rest.click()
    assert kinds(settled(painting)) == {1, 255}
    box.ground_button.click()
    painting.drag(*OTHER)
    values = settled(painting)
    assert (values[90, 60], values[30, 60], values[60, 60]) == (0, 1, 255)
    reopen(painting)
    assert painting.panel.layers.regions.rest_unknown
    assert not box.rest.isChecked()
    box.rest.click()
    assert kinds(settled(painting)) == {0, 1}


def test_masks_are_taken_from_layers_that_stay_as_they_are(painting, capsys):
    masks = np.zeros(SHAPE, int)
    masks[:40], masks[80:] = 1, 7
    mine = painting.viewer.add_labels(masks.copy(), name="mine")
    box = panel_of(painting).painting
    box.menu.fill()
    (action,) = [a for a in box.menu.actions() if a.text() == "Layer: mine"]
    action.trigger()
    painting.settle()
    assert settled(painting) is None  # there is no class 7 yet
    assert box.problem.isVisible()
    assert "value 7" in box.problem.text()
    QTest.mouseClick(box.make_button, Qt.MouseButton.LeftButton)
    assert np.array_equal(settled(painting), masks)
    assert [c.value for c in painting.session.project.classes] == [1, 2, 7]
    assert not box.problem.isVisible()
    painting.panel.layers.activate_marking()
    painting.drag((60, 30), (60, 90))
    assert settled(painting)[60, 60] == painting.regions.selected_label
    assert np.array_equal(mine.data, masks)
    objects = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) // 100
    before = kept(painting.session)
    box.take_layer(painting.viewer.add_labels(objects, name="objects"))
    painting.settle()
    assert np.array_equal(settled(painting), before)
    assert "one for each object" in capsys.readouterr().out


def test_a_label_image_is_taken(painting, tmp_path):
    import tifffile

    masks = np.zeros(SHAPE, np.uint8)
    masks[:40] = 255  # black and white, as many programs save masks
    tifffile.imwrite(tmp_path / "masks.tif", masks)
    panel_of(painting).painting.take_file(tmp_path / "masks.tif")
    painting.settle()
    assert np.array_equal(settled(painting), masks > 0)


def test_the_layer_lies_on_its_image_and_has_no_class_that_is_not_there(bench):
    from tests.ui.conftest import draw_discs

    image = bench.viewer.add_image(
        draw_discs(), scale=(0.5, 0.25), translate=(10, 20), units=("um", "um")
    )
    bench.panel.files.use_layer(image)
    bench.settle()
    panel_of(bench).switch.buttons["regions"].click()
    bench.wait(lambda: bench.regions is not None)
    assert np.allclose(bench.regions.scale, image.scale)
    assert np.allclose(bench.regions.translate, image.translate)
    assert bench.regions.units == image.units
    bench.regions.selected_label = 9
    bench.wait(lambda: bench.regions.selected_label == 1)


def test_a_removed_class_takes_its_regions_along_and_clicks_are_a_switch_away(painting):
    painting.drag(*OTHER)
    painting.press("2")
    painting.drag(*STROKE)
    painting.press("1")
    settled(painting)
    panel_of(painting).remove_button.click()
    assert kinds(settled(painting)) == {0, 2}
    assert painting.clicks is None
    panel_of(painting).switch.buttons["clicks"].click()
    assert painting.viewer.layers.selection.active.name == "Clicks"
    painting.click((40, 50))
    assert len(painting.session.project.clicks) == 1
    panel_of(painting).switch.buttons["regions"].click()
    assert painting.viewer.layers.selection.active.name == "Regions"
    assert painting.clicks is not None


def test_regions_of_a_volume_are_painted_plane_by_plane(bench):
    from tests.ui.viewer.test_volumes import SCALE, draw_balls
    from tests.ui.viewer.test_volumes import SHAPE as DEEP

    bench.panel.files.use_layer(bench.viewer.add_image(draw_balls(), scale=SCALE))
    bench.settle()
    panel_of(bench).switch.buttons["regions"].click()
    bench.wait(lambda: bench.regions is not None)
    bench.settle()
    bench.viewer.dims.set_current_step(0, 4)
    bench.drag((4, 20, 20), (4, 20, 60))
    values = settled(bench)
    assert values.shape == DEEP
    assert np.flatnonzero(values.any(axis=(1, 2))).tolist() == [4]
    bench.viewer.dims.set_current_step(0, 7)
    flat = bench.viewer.add_labels(np.ones(DEEP[1:], int), name="flat", scale=SCALE[1:])
    panel_of(bench).painting.take_layer(flat)
    bench.settle()
    values = settled(bench)
    assert np.flatnonzero(values.any(axis=(1, 2))).tolist() == [4, 7]


def test_a_stroke_changes_no_setting_and_nothing_says_so(painting):
    before = suitable_recipe(painting.session.project)
    painting.drag(*STROKE)
    settled(painting)
    page = painting.panel.synthesize_page
    assert (
        suitable_recipe(painting.session.project) != before
    )  # what suits has changed, but the user has chosen nothing
    assert page.found.text() == ""


def test_regions_of_a_class_removed_last_are_erased_though_the_panel_closes_at_once(painting):
    folder = painting.session.folder
    painting.drag(*STROKE)
    painting.press("2")
    painting.drag(*OTHER)
    assert kinds(settled(painting)) == {0, 1, 2}
    panel_of(painting).remove_button.click()
    painting.viewer.window.remove_dock_widget(painting.panel)
    session = Session.open(folder).result()
    assert [c.value for c in session.project.classes] == [1]
    assert kinds(kept(session)) == {0, 1}
    session.close().result()


def test_masks_that_come_too_late_for_their_image_are_told(painting, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari_synthseg.ui.pages.regions_box.warn", told.append)
    tifffile.imwrite(tmp_path / "masks.tif", np.ones(SHAPE, np.uint8))
    panel_of(painting).painting.take_file(tmp_path / "masks.tif")
    painting.viewer.layers.remove(painting.regions)
    painting.settle()
    assert told == ["The masks 'masks.tif' were not used: their image is no longer shown."]


def test_regions_read_while_results_are_looked_at_stay_hidden_until_they_are_painted(painting):
    painting.drag(*STROKE)
    settled(painting)
    layers = painting.panel.layers
    layers.show_image(painting.session.project.images[0])
    layers.look_at_image(clicks=False)
    painting.wait(lambda: painting.regions is not None)
    assert not painting.regions.visible
    painting.panel.show_step(0)
    assert painting.regions.visible
    assert painting.viewer.layers.selection.active is painting.regions


def test_a_class_that_was_to_be_painted_is_taken_back_without_a_word(painting, told):
    panel = painting.panel
    panel.click_page.add_button.click()
    value = painting.session.project.classes[-1].value
    assert painting.regions.selected_label == value
    panel.controller.undo()
    painting.qtbot.wait(50)
    assert painting.regions.selected_label == painting.session.project.classes[0].value
    panel.controller.redo()
    panel.layers.regions.choose_class(value)
    panel.click_page.remove_button.click()
    painting.qtbot.wait(50)
    assert painting.regions.selected_label == painting.session.project.classes[0].value
    assert [record.message for record in told] == []
