"""Regions painted, undone and brought along are the project's, at once and after a reopening."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.labels import UNKNOWN
from napari_synthseg.session import Session
from napari_synthseg.store.labels import open_labels

from .conftest import SHAPE

pytestmark = pytest.mark.gui

STROKE = ((30, 30), (30, 90))


def kept(session):
    """Return the regions that a session knows of its first image, or None."""
    (ref, *_) = session.project.images
    truth = session.project.truth_of(ref, "semantic")
    if truth is None:
        return None
    labels = open_labels(truth, ref, session.folder)
    values = np.where(labels.ids == UNKNOWN, 255, labels.semantic())
    return values


def settled(bench):
    """Wait until what was painted is in the project."""
    bench.wait(lambda: not bench.panel.layers.regions.unkept)
    bench.settle()
    return kept(bench.session)


def panel_of(bench):
    return bench.panel.panels[1]


def test_a_stroke_of_the_brush_is_kept_and_counted(painting):
    assert painting.viewer.layers.selection.active.name == "Regions"
    assert painting.regions.mode == "paint"
    painting.press("1")
    painting.drag(*STROKE)
    values = settled(painting)
    assert values.shape == SHAPE
    assert values[30, 60] == 1
    assert set(np.unique(values)) == {0, 1}
    assert np.array_equal(values, painting.regions.data)
    share = (values == 1).mean()
    assert panel_of(painting).table.item(0, 4).text() == f"{share:.0%}"
    assert painting.session.undo_label == "paint regions"


def test_number_keys_choose_the_class_that_is_painted(painting):
    painting.press("2")
    painting.drag(*STROKE)
    painting.press("1")
    painting.drag((90, 30), (90, 90))
    values = settled(painting)
    assert (values[30, 60], values[90, 60]) == (2, 1)
    assert panel_of(painting).table.currentRow() == 0
    table, none = panel_of(painting).table, Qt.KeyboardModifier.NoModifier
    row = table.visualItemRect(table.item(1, 2)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, none, row)
    assert painting.regions.selected_label == 2


def test_undoing_a_stroke_is_kept_too(painting):
    painting.drag(*STROKE)
    one = settled(painting)
    painting.press("2")
    painting.drag((90, 30), (90, 90))
    assert set(np.unique(settled(painting))) == {0, 1, 2}
    painting.press("Ctrl+Z")
    assert np.array_equal(settled(painting), one)
    painting.press("Ctrl+Z")
    assert settled(painting) is None
    assert not painting.panel.layers.regions.painted
    painting.press("Ctrl+Shift+Z")
    assert np.array_equal(settled(painting), one)


def test_the_undo_of_the_panel_brings_back_what_the_layer_showed(painting):
    painting.drag(*STROKE)
    one = settled(painting)
    painting.press("2")
    painting.drag((90, 30), (90, 90))
    settled(painting)
    painting.panel.header.undo_button.click()
    painting.settle()
    assert np.array_equal(painting.regions.data, one)
    assert np.array_equal(kept(painting.session), one)
    painting.panel.header.redo_button.click()
    painting.settle()
    assert painting.regions.data[90, 60] == 2


def test_a_reopened_project_shows_its_regions(painting):
    painting.drag(*STROKE)
    one, folder = settled(painting), painting.session.folder
    painting.panel.opening.new_project()
    assert painting.regions is None
    painting.panel.opening.open_project(folder)
    painting.wait(lambda: painting.regions is not None)
    assert painting.panel.layers.marking == "regions"
    assert np.array_equal(painting.regions.data, one)
    assert painting.clicks is None


def test_a_stroke_is_not_lost_when_the_panel_closes_at_once(painting):
    folder = painting.session.folder
    painting.drag(*STROKE)
    shown = np.array(painting.regions.data)
    assert painting.panel.layers.regions.unkept
    painting.viewer.window.remove_dock_widget(painting.panel)
    session = Session.open(folder)
    assert np.array_equal(kept(session), shown)
    assert len(list((folder / "arrays.zarr").glob("[0-9a-f]*"))) == 2  # the image and the regions
    session.close()


def test_a_stroke_is_not_lost_when_the_viewer_closes_or_the_layer_goes(painting):
    folder = painting.session.folder
    painting.drag(*STROKE)
    painting.viewer.layers.remove(painting.regions)
    assert settled(painting)[30, 60] == 1
    button = panel_of(painting).show_regions
    assert button.isVisible()
    button.click()
    painting.wait(lambda: painting.regions is not None)
    painting.settle()
    painting.drag((90, 30), (90, 90))
    assert painting.regions.data[90, 60] == 1
    painting.viewer.close()
    session = Session.open(folder)
    assert kept(session)[90, 60] == 1
    session.close()


def test_superseded_regions_leave_the_disk_with_the_session(painting):
    folder = painting.session.folder
    for row in (20, 60, 100):
        painting.drag((row, 30), (row, 90))
        settled(painting)
    count = lambda: len(list((folder / "arrays.zarr").glob("[0-9a-f]*")))  # noqa: E731
    assert count() == 4
    painting.panel.opening.new_project()
    assert count() == 2


def test_what_is_not_painted_is_unknown_without_the_tick(painting):
    box = panel_of(painting).painting
    painting.drag(*STROKE)
    settled(painting)
    assert not box.ground_button.isVisible()
    box.rest.click()
    values = settled(painting)
    assert set(np.unique(values)) == {1, 255}
    box.ground_button.click()
    painting.drag((90, 30), (90, 90))
    values = settled(painting)
    assert (values[90, 60], values[30, 60], values[60, 60]) == (0, 1, 255)
    folder = painting.session.folder
    painting.panel.opening.new_project()
    painting.panel.opening.open_project(folder)
    painting.wait(lambda: painting.regions is not None)
    assert painting.panel.layers.regions.rest_unknown
    assert not box.rest.isChecked()
    box.rest.click()
    assert set(np.unique(settled(painting))) == {0, 1}


def test_masks_of_a_layer_are_taken_and_the_layer_stays_as_it_is(painting):
    masks = np.zeros(SHAPE, int)
    masks[:40], masks[80:] = 1, 2
    mine = painting.viewer.add_labels(masks, name="mine")
    box = panel_of(painting).painting
    box._fill_menu()
    (action,) = [a for a in box.menu.actions() if a.text() == "Layer: mine"]
    action.trigger()
    painting.settle()
    assert np.array_equal(settled(painting), masks)
    painting.panel.layers.activate_regions()
    painting.drag(*STROKE)
    assert np.array_equal(mine.data, masks)


def test_classes_are_made_for_values_without_one_if_the_user_says_so(painting):
    masks = np.zeros(SHAPE, int)
    masks[:40], masks[80:] = 1, 7
    box = panel_of(painting).painting
    box.take_layer(painting.viewer.add_labels(masks, name="mine"))
    painting.settle()
    assert settled(painting) is None
    assert "value 7" in box.problem.text()
    assert box.problem.isVisible()
    QTest.mouseClick(box.make_button, Qt.MouseButton.LeftButton)
    assert np.array_equal(settled(painting), masks)
    assert [c.value for c in painting.session.project.classes] == [1, 2, 7]
    assert not box.problem.isVisible()


def test_masks_of_objects_are_refused_in_words(painting, capsys):
    masks = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) // 100
    panel_of(painting).painting.take_layer(painting.viewer.add_labels(masks, name="objects"))
    painting.settle()
    assert settled(painting) is None
    assert "one for each object" in capsys.readouterr().out


def test_a_label_image_is_taken(painting, tmp_path):
    import tifffile

    masks = np.zeros(SHAPE, np.uint8)
    masks[:40] = 255  # black and white, as many programs save masks
    tifffile.imwrite(tmp_path / "masks.tif", masks)
    panel_of(painting).painting.take_file(tmp_path / "masks.tif")
    painting.settle()
    assert np.array_equal(settled(painting), masks > 0)


def test_regions_open_the_later_steps_and_need_no_patches(painting):
    panel, buttons = painting.panel, painting.panel.stepper.buttons
    assert all(b.locked for b in buttons[1:])
    painting.drag(*STROKE)
    settled(painting)
    assert [b.locked for b in buttons] == [False, True, False, False, True]
    buttons[1].click()
    assert panel.step == 0
    assert "no patches" in panel.hint.text()
    assert panel.primary.text() == "Next: make dual images"
    assert panel.primary.isEnabled()


def test_the_layer_lies_on_its_image_and_other_labels_are_refused(bench):
    from .conftest import draw_discs

    image = bench.viewer.add_image(
        draw_discs(), scale=(0.5, 0.25), translate=(10, 20), units=("um", "um")
    )
    bench.panel.opening.use_layer(image)
    bench.settle()
    panel_of(bench).switch.buttons["regions"].click()
    bench.wait(lambda: bench.regions is not None)
    assert np.allclose(bench.regions.scale, image.scale)
    assert np.allclose(bench.regions.translate, image.translate)
    assert bench.regions.units == image.units
    bench.regions.selected_label = 9
    bench.wait(lambda: bench.regions.selected_label == 1)


def test_removing_a_class_takes_its_regions_away(painting):
    painting.press("2")
    painting.drag(*STROKE)
    painting.press("1")
    painting.drag((90, 30), (90, 90))
    settled(painting)
    panel_of(painting).remove_button.click()
    assert set(np.unique(settled(painting))) == {0, 2}


def test_switching_back_to_clicks_brings_their_layer(painting):
    assert painting.clicks is None
    panel_of(painting).switch.buttons["clicks"].click()
    assert painting.viewer.layers.selection.active.name == "Clicks"
    painting.click((40, 50))
    assert len(painting.session.project.clicks) == 1
    panel_of(painting).switch.buttons["regions"].click()
    assert painting.viewer.layers.selection.active.name == "Regions"
    assert painting.clicks is not None


def test_regions_of_a_volume_are_painted_plane_by_plane(bench):
    from .test_volumes import SCALE, draw_balls
    from .test_volumes import SHAPE as DEEP

    bench.panel.opening.use_layer(bench.viewer.add_image(draw_balls(), scale=SCALE))
    bench.settle()
    panel_of(bench).switch.buttons["regions"].click()
    bench.wait(lambda: bench.regions is not None)
    bench.viewer.dims.set_current_step(0, 4)
    bench.drag((4, 20, 20), (4, 20, 60))
    values = settled(bench)
    assert values.shape == DEEP
    assert set(np.flatnonzero(values.any(axis=(1, 2)))) == {4}
    flat = np.ones(DEEP[1:], int)
    bench.viewer.dims.set_current_step(0, 7)
    panel_of(bench).painting.take_layer(bench.viewer.add_labels(flat, name="flat"))
    bench.settle()
    values = settled(bench)
    assert set(np.flatnonzero(values.any(axis=(1, 2)))) == {4, 7}
