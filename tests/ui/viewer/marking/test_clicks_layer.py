"""Clicks made, moved, deleted and undone in the viewer are the session's clicks, and on disk."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.annotations import NEGATIVE_NAME, NOT_AN_OBJECT, Click
from napari_synthseg.core.geometry import contains
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.session import Session
from tests.ui.conftest import CENTERS, DIAMETER

pytestmark = pytest.mark.gui


def positions(bench):
    return [c.position for c in bench.session.project.clicks]


def rows(bench):
    return [tuple(p) for p in bench.clicks.data]


def to_hex(color):
    return "#" + bytes(round(255 * c) for c in color[:3]).hex()


def test_click_on_canvas_adds_a_click_of_the_active_class_on_disk(opened):
    opened.click((40, 50))
    (click,) = opened.session.project.clicks
    assert np.allclose(click.position, (40, 50), atol=1.0)
    assert click.cls == opened.session.project.classes[0].value
    opened.session.store.flush()
    second = Session.open(opened.session.folder).result()
    assert second.read_only
    assert second.project.clicks == (click,)
    second.close().result()


def test_dragging_a_click_moves_it_in_one_step(opened):
    opened.click((40, 50))
    opened.press("S")
    assert opened.clicks.mode == "select"
    opened.drag((40, 50), (60, 80))
    (moved,) = positions(opened)
    assert np.allclose(moved, (60, 80), atol=1.5)
    assert opened.session.history.undo_label == "move click"
    opened.session.undo()
    assert np.allclose(positions(opened), [(40, 50)], atol=1.0)
    assert rows(opened) == positions(opened)


def test_deleting_and_undoing_restores_clicks_classes_and_colors(opened):
    _add_class(opened, "other")
    opened.press("1")
    opened.click((30, 30))
    opened.press("2")
    opened.click((60, 90))
    before = opened.session.project.clicks
    colors = opened.clicks.border_color.copy()
    assert [c.cls for c in before] == [1, 2]
    opened.clicks.selected_data = {0, 1}
    opened.press("Delete")
    assert opened.session.project.clicks == ()
    assert opened.session.history.undo_label == "delete 2 clicks"
    opened.press("Ctrl+Z")
    assert opened.session.project.clicks == before
    assert rows(opened) == positions(opened)
    assert list(opened.clicks.features["class"]) == ["object", "other"]
    assert np.allclose(opened.clicks.border_color, colors)
    opened.press("Ctrl+Shift+Z")
    assert opened.session.project.clicks == ()


def test_number_keys_choose_the_class_of_the_next_click_only(opened):
    _add_class(opened, "other")
    opened.press("1")
    opened.click((30, 30))
    opened.press("2")
    assert opened.panel.layers.clicks.active_class == 2
    opened.click((60, 90))
    assert [c.cls for c in opened.session.project.clicks] == [1, 2]
    opened.press("9")
    assert opened.panel.layers.clicks.active_class == 2


def test_number_key_reclasses_points_selected_in_select_mode(opened):
    _add_class(opened, "other")
    opened.press("1")
    opened.click((30, 30))
    opened.press("S")
    opened.clicks.selected_data = {0}
    opened.press("2")
    assert [c.cls for c in opened.session.project.clicks] == [2]
    assert list(opened.clicks.features["class"]) == ["other"]


def test_key_0_marks_what_is_not_an_object(opened):
    opened.click((24, 24))
    opened.press("0")
    table = opened.panel.click_page.table
    assert table.selectedItems()[0].row() == 1
    assert not opened.panel.click_page.remove_button.isEnabled()
    opened.click((40, 50))
    assert opened.clicks.current_symbol == "x"
    opened.press("1")
    swatches = (opened.clicks.current_border_color, opened.clicks.current_face_color)
    assert [color[:7] for color in swatches] == [opened.session.project.classes[0].color] * 2
    opened.click((64, 60))
    project = opened.session.project
    assert len(project.clicks) == 2
    (negative,) = project.negatives
    assert np.allclose(negative.position, (40, 50), atol=1.0)
    assert negative.cls == NOT_AN_OBJECT
    assert opened.session.history.undo_label == "add click"
    opened.press("Ctrl+Z")
    opened.press("Ctrl+Z")
    opened.press("Ctrl+Shift+Z")
    assert opened.session.project.negatives == (negative,)
    assert list(opened.clicks.features["class"]) == ["object", "not an object"]
    assert opened.clicks.symbol.tolist() == ["disc", "x"]
    assert opened.clicks.size.tolist() == [DIAMETER, DIAMETER / 2]
    colors = [c.color for c in project.classes]
    assert to_hex(opened.clicks.border_color[0]) in colors
    assert to_hex(opened.clicks.border_color[1]) not in colors
    assert [table.item(row, 4).text() for row in (0, 1)] == ["1", "1"]
    opened.session.store.flush()
    second = Session.open(opened.session.folder).result()
    assert second.project.negatives == (negative,)
    second.close().result()


def test_a_negative_click_is_chosen_in_the_table_dragged_and_deleted(opened):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    table = opened.panel.click_page.table
    place = table.visualItemRect(table.item(1, 2)).center()
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(table.viewport(), left, none, place)
    assert "debris" in table.item(1, 2).toolTip()
    assert opened.panel.layers.clicks.next_class == NOT_AN_OBJECT
    opened.click((40, 50))
    opened.press("S")
    opened.drag((40, 50), (60, 80))
    (moved,) = opened.session.project.negatives
    assert np.allclose(moved.position, (60, 80), atol=1.5)
    assert opened.session.history.undo_label == "move click"
    opened.clicks.selected_data = {0}
    opened.press("Delete")
    assert opened.session.project.negatives == ()
    opened.press("Ctrl+Z")
    assert opened.session.project.negatives == (moved,)
    assert opened.clicks.symbol.tolist() == ["x"]


def test_a_click_becomes_negative_and_a_click_on_an_object_again(opened):
    opened.click((24, 24))
    opened.click((64, 60))
    (first, second) = opened.session.project.clicks
    opened.press("S")
    opened.clicks.selected_data = {0}
    opened.press("0")
    project = opened.session.project
    assert (project.clicks, [c.id for c in project.negatives]) == ((second,), [first.id])
    assert opened.session.history.undo_label == "change class of click"
    table = opened.clicks.features.copy()
    row = table["id"].tolist().index(first.id)
    assert opened.clicks.symbol.tolist()[row] == "x"
    table.loc[row, "class"] = "object"
    opened.clicks.features = table
    assert {c.id for c in opened.session.project.clicks} == {first.id, second.id}
    assert opened.session.project.negatives == ()
    assert opened.clicks.symbol.tolist() == ["disc", "disc"]
    assert opened.clicks.size.tolist() == [DIAMETER, DIAMETER]


def test_selecting_a_negative_click_leaves_the_next_one_a_click_on_an_object(opened):
    opened.press("0")
    opened.click((30, 30))
    opened.press("1")
    opened.clicks.selected_data = {0}
    opened.press("P")
    opened.click((60, 90))
    assert (len(opened.session.project.clicks), len(opened.session.project.negatives)) == (1, 1)
    assert opened.clicks.symbol.tolist() == ["x", "disc"]
    assert to_hex(opened.clicks.border_color[1]) == opened.session.project.classes[0].color


def test_the_brush_paints_a_class_after_what_is_not_an_object(opened):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    opened.press("0")
    page = opened.panel.click_page
    QTest.mouseClick(page.switch.buttons["regions"], Qt.MouseButton.LeftButton)
    opened.wait(lambda: opened.regions is not None)
    opened.settle()
    assert opened.regions.selected_label == 1
    assert page.table.rowCount() == 1


def test_selecting_a_point_does_not_change_the_class_of_the_next_click(opened):
    _add_class(opened, "other")
    opened.press("1")
    opened.click((30, 30))
    opened.press("2")
    opened.clicks.selected_data = {0}
    opened.press("P")
    opened.click((60, 90))
    assert [c.cls for c in opened.session.project.clicks] == [1, 2]
    assert len({c.id for c in opened.session.project.clicks}) == 2


def test_class_edited_in_the_features_table_reaches_the_session(opened):
    _add_class(opened, "other")
    opened.click((30, 30))
    table = opened.clicks.features.copy()
    table.loc[0, "class"] = "object"
    opened.clicks.features = table
    assert [c.cls for c in opened.session.project.clicks] == [1]
    table.loc[0, "class"] = "other"
    opened.clicks.features = table
    assert [c.cls for c in opened.session.project.clicks] == [2]


def test_copied_points_become_clicks_of_their_own(opened):
    opened.click((30, 30))
    opened.clicks.selected_data = {0}
    opened.clicks.mode = "select"
    opened.press("Ctrl+C")
    opened.press("Ctrl+V")
    ids = [c.id for c in opened.session.project.clicks]
    assert len(ids) == len(set(ids)) == 2


def test_point_outside_the_image_is_refused(opened):
    opened.clicks.add((500, 500))
    opened.wait(lambda: len(opened.clicks.data) == 0)
    assert opened.session.project.clicks == ()


def test_a_click_that_is_dragged_out_of_the_image_goes_back(opened):
    opened.click_all()
    before = opened.session.project
    opened.clicks.data[3] = (500, 500)
    opened.clicks.events.data(action="changed", data_indices=(3,), vertex_indices=((),))
    opened.wait(lambda: rows(opened) == positions(opened))
    assert opened.session.project is before


def test_a_class_that_there_is_not_is_refused_and_the_click_stays(opened):
    opened.click_all()
    before = opened.session.project
    table = opened.clicks.features.astype(object)
    table.loc[3, "class"] = "nobody knows"
    opened.clicks.features = table
    opened.wait(lambda: set(opened.clicks.features["class"]) == {"object"})
    assert opened.session.project is before


def test_of_an_edited_layer_only_the_rows_that_differ_are_looked_at(opened, monkeypatch):
    from napari_synthseg.ui.viewer.marking import clicks_layer

    opened.click_all()
    looked_at = []

    def look_at(region, place):
        looked_at.append(place)
        return contains(region, place)

    monkeypatch.setattr(clicks_layer, "contains", look_at)
    opened.clicks.add((40, 50))
    opened.clicks.remove([2])
    opened.clicks.data[4] = (44, 55)
    opened.clicks.events.data(action="changed", data_indices=(4,), vertex_indices=((),))
    assert looked_at == [[40, 50], [44, 55]]
    agree(opened)


def test_undoing_the_last_clicks_removes_their_rows_and_leaves_the_others(opened, monkeypatch):
    _add_class(opened, "other")
    opened.click_all()
    for value in (2, NOT_AN_OBJECT):
        opened.panel.layers.clicks.choose_class(value)
        opened.clicks.add((40, 50))
    written = []
    monkeypatch.setattr(opened.panel.layers.clicks, "_write", lambda: written.append("all"))
    for left in (1, 0):
        opened.session.undo()
        assert len(opened.clicks.data) == len(CENTERS) + left
        agree(opened)
    assert not written
    opened.clicks.remove([3])
    opened.session.undo()  # comes back in its old place
    assert written == ["all"]


@pytest.mark.parametrize("seed", range(3))
def test_after_any_edits_layer_and_session_say_the_same(opened, seed):
    _add_class(opened, "other")
    opened.click_all()
    rng = np.random.default_rng(seed)
    layer = opened.clicks
    names = ["object", "other", NEGATIVE_NAME]
    session, panel = opened.session, opened.panel.layers.clicks
    (ref,) = session.project.images
    done = []

    def some(most):
        count = min(len(layer.data), int(rng.integers(1, most + 1)))
        return rng.choice(len(layer.data), count, replace=False).tolist()

    def place():
        return rng.uniform(0, 100, 2)

    def add():
        panel.choose_class(int(rng.integers(0, 3)))
        layer.add(rng.uniform(0, 100, (int(rng.integers(1, 4)), 2)))

    def move():
        chosen = some(3)
        layer.data[chosen] = rng.uniform(0, 100, (len(chosen), 2))
        layer.events.data(action="changed", data_indices=tuple(chosen), vertex_indices=((),))
        layer.events.features()

    def edit_table():
        table = layer.features.copy()
        table.loc[some(3), "class"] = names[int(rng.integers(0, 3))]
        layer.features = table

    def reclass():
        layer.mode = "select"
        layer.selected_data = set(some(3))
        panel.choose_class(int(rng.integers(0, 3)))

    def copy():
        layer.selected_data = set(some(2))
        layer.mode = "select"
        opened.press("Ctrl+C")
        opened.press("Ctrl+V")

    def edit_session():
        project = session.project
        every = (*project.clicks, *project.negatives)
        gone = [every[n].id for n in rng.choice(len(every), 2, replace=False)]
        new = Click(image=ref.id, position=tuple(place()), cls=int(rng.integers(0, 3)))
        session.edit(project.without_clicks(gone).with_clicks(new), "edit")

    edits = {
        "add": add, "move": move, "remove": lambda: layer.remove(some(2)), "copy": copy,
        "edit table": edit_table, "reclass": reclass, "edit session": edit_session,
        "undo": session.undo, "redo": session.redo,
    }  # fmt: skip
    for _ in range(60):
        few = len(layer.data) < 4
        name = "add" if few else str(rng.choice([*edits, "undo"]))
        done.append(name)
        before = session.project
        edits[name]()
        agree(opened, done)
        changed = session.project is not before
        if changed and name not in ("undo", "redo"):
            after = session.project
            session.undo()
            assert session.project.clicks == before.clicks
            agree(opened, done)
            session.redo()
            assert (session.project.clicks, session.project.negatives) == (
                after.clicks, after.negatives,
            )  # fmt: skip
            agree(opened, done)


def agree(bench, done=()):
    """Require one row for each click, which says and looks like what it is."""
    layer, project = bench.clicks, bench.session.project
    names, colors = project.click_names, {c.value: c.color for c in project.classes}
    every = {c.id: c for c in (*project.clicks, *project.negatives)}
    table = layer.features
    assert sorted(table["id"]) == sorted(every), done
    for row, (ident, name) in enumerate(zip(table["id"], table["class"], strict=True)):
        click = every[ident]
        assert (tuple(layer.data[row]), name) == (click.position, names[click.cls]), done
        assert str(layer.symbol[row]) == ("disc" if click.cls else "x"), done
        sizes = {c.value: c.diameter for c in project.classes}
        assert layer.size[row] == sizes.get(click.cls, min(sizes.values()) / 2), done
        for color in (layer.border_color[row], layer.face_color[row]):
            assert (to_hex(color) == colors.get(click.cls)) == (click.cls != NOT_AN_OBJECT), done


def test_many_points_are_one_undo_step(opened):
    opened.click_all()
    assert len(opened.session.project.clicks) == len(CENTERS)
    opened.session.undo()
    assert opened.session.project.clicks == ()
    assert len(opened.clicks.data) == 0


def test_removing_the_layer_keeps_the_clicks_and_offers_them_again(opened):
    opened.click_all()
    opened.viewer.layers.remove(opened.clicks)
    assert len(opened.session.project.clicks) == len(CENTERS)
    button = opened.panel.click_page.show_clicks
    assert button.isVisible()
    button.click()
    assert len(opened.clicks.data) == len(CENTERS)


def test_clicks_layer_carries_scale_units_and_translate(bench):
    from tests.ui.conftest import draw_discs

    layer = bench.viewer.add_image(
        draw_discs(), scale=(0.5, 0.25), translate=(10, 20), units=("um", "um")
    )
    bench.panel.files.use_layer(layer)
    bench.settle()
    assert np.allclose(bench.clicks.scale, layer.scale)
    assert np.allclose(bench.clicks.translate, layer.translate)
    assert bench.clicks.units == layer.units
    (ref,) = bench.session.project.images
    assert (ref.pixel_size, ref.unit) == ((0.5, 0.25), "um")
    bench.click((40, 50))
    assert np.allclose(positions(bench), [(40, 50)], atol=2.0)


@pytest.mark.parametrize("kind", ["rgb", "channels", "stack", "few planes", "dask"])
def test_any_image_layer_can_be_used(bench, kind):
    from tests.ui.conftest import draw_discs

    image = draw_discs()
    if kind == "rgb":
        small = (image / image.max() * 255).astype(np.uint8)
        layer = bench.viewer.add_image(np.stack([small] * 3, -1), rgb=True)
        axes, channels = "yxc", 3
    elif kind == "channels":
        layer = bench.viewer.add_image(np.stack([image] * 2), axis_labels=("c", "y", "x"))
        axes, channels = "cyx", 2
    elif kind in ("stack", "few planes"):
        number = 7 if kind == "stack" else 2
        layer, axes, channels = bench.viewer.add_image(np.stack([image] * number)), "yx", 1
    else:
        import dask.array as da

        layer, axes, channels = bench.viewer.add_image(da.from_array(image)), "yx", 1
    bench.panel.files.use_layer(layer)
    bench.settle()
    (ref,) = bench.session.project.images
    assert ref.axes == axes
    assert open_pixels(ref, bench.session.folder).shape == (channels, *image.shape)
    assert bench.clicks is not None


def test_read_only_project_says_so_and_keeps_the_layer_true(opened, qtbot):
    opened.click((30, 30))
    opened.session.store.flush()
    holder, folder = opened.session, opened.session.folder
    opened.panel.controller.session = None  # the first holder stays open
    opened.panel.files.open_project(folder)
    opened.settle()
    assert opened.session.read_only
    assert opened.panel.notice.isVisible()
    assert opened.panel.notice.text()
    opened.clicks.add((60, 60))
    opened.wait(lambda: len(opened.clicks.data) == 1)
    assert len(opened.session.project.clicks) == 1
    opened.panel.controller.clear()
    holder.close().result()


def _add_class(bench, name):
    panel = bench.panel.click_page
    panel.add_button.click()
    item = panel.table.item(len(bench.session.project.classes) - 1, 2)
    item.setText(name)
    assert bench.session.project.classes[-1].name == name
