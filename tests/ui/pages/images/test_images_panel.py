"""Many images in the panel: added at once, listed, stepped through, limited, imported, undone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.ui.pages.images.import_button import ImportButton
from napari_synthseg.ui.viewer.adding.layer_tables import LayerThings
from napari_synthseg.workflow.jobs import Job
from tests.ui.conftest import CENTERS, draw_discs

pytestmark = pytest.mark.gui


@pytest.fixture
def shown():
    """What was told to the user."""
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return notification_manager.records


def import_dialog(bench, take, source):
    """Have a file or a layer taken for an import; return the dialog that opens."""
    button = bench.panel.click_page.images.import_button
    take(button, source)
    bench.wait(lambda: button.dialog is not None)
    return button.dialog


@pytest.fixture
def several(bench, tmp_path, shown):
    """The panel with a folder of three images, the second with an information bar."""
    folder = tmp_path / "day1"
    folder.mkdir()
    for number in range(3):
        image = draw_discs()
        if number == 1:
            image += np.random.default_rng(1).integers(0, 1500, image.shape, np.uint16)
            image[112:] = 0
            for left in range(6, 150, 9):
                image[116:124, left : left + 5] = 4000
        tifffile.imwrite(folder / f"cells_{number}.tif", np.roll(image, number, axis=1))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    bench.panel.files.images.add([folder])
    bench.settle()
    bench.settle()
    return bench


def test_a_folder_is_added_and_stepped_through_by_key(several, shown):
    page = several.panel.click_page.images
    several.viewer.window.resize(1100, 1100)  # pictures are made of images in sight
    assert several.panel.step == 0
    assert page.title.text() == "1 of 3"
    told = [record.message for record in shown]
    assert any("3 images were added" in text and "broken.png: " in text for text in told)
    several.click_all()
    several.press("PgDown")
    several.wait(lambda: page.title.text() == "2 of 3")
    several.settle()
    assert several.clicks is not None and not len(several.clicks.data)
    several.press("PgUp")
    several.wait(lambda: page.title.text() == "1 of 3")
    several.settle()
    assert len(several.clicks.data) == len(CENTERS)
    model = page.list.images
    several.wait(lambda: "12 (object)" in str(model.data(model.index(0))))
    several.wait(lambda: len(model._pictures) == 3)  # to ask for one has it made
    # the whole page of clicks is seen at 1280 x 800, but for a line or two
    assert several.panel.click_page.sizeHint().height() < 600


def test_images_are_leafed_through_while_other_work_runs(several, shown):
    page, release = several.panel.click_page.images, threading.Event()
    several.panel.controller.run(Job.of("predict", lambda: release.wait(60)))
    try:
        page.list.setCurrentIndex(page.list.images.index(1))
        page.list.setCurrentIndex(page.list.images.index(2))  # while the one before is read
        several.wait(lambda: several.panel.layers.image.refs[0].name == "cells_2.tif")
        assert page.list.currentIndex().row() == 2
    finally:
        release.set()
    several.settle()
    assert not any("Still busy" in r.message for r in shown)


def test_the_list_marks_the_image_in_view_where_another_one_cannot_be_read(several, tmp_path):
    page = several.panel.click_page.images
    (tmp_path / "day1" / "cells_2.tif").write_bytes(b"no image")
    page.list.setCurrentIndex(page.list.images.index(2))
    several.settle()
    assert several.panel.layers.image.refs[0].name == "cells_0.tif"
    assert page.list.currentIndex().row() == 0


def test_images_are_ticked_renamed_removed_and_brought_back(several):
    page, session = several.panel.click_page.images, several.session
    model = page.list.images
    model.setData(model.index(2), 2, Qt.ItemDataRole.CheckStateRole)
    assert session.project.images[2].exhaustive
    assert page.title.text() == "1 of 3 · 1 ✓"
    assert "Every object is clicked on 1 image" in page.title.toolTip()
    model.setData(model.index(1), "with bar", Qt.ItemDataRole.EditRole)
    assert session.project.images[1].name == "with bar"
    before = session.project.images
    page.details.remove_button.click()
    several.wait(lambda: several.panel.layers.image is not None)
    several.settle()
    assert session.project.images == before[1:]
    assert several.panel.layers.image.refs == before[1:2]  # the next one is shown
    session.undo()
    assert session.project.images == before


def test_a_bar_is_offered_and_a_drawn_part_is_left_out_and_undone(several):
    box, session = several.panel.click_page.images.limits, several.session
    several.panel.click_page.images.parts.open()
    several.press("PgDown")
    several.wait(lambda: box.asks)
    several.settle()
    assert "lowest 16 rows look like an information bar" in box.question.text()
    box.leave_button.click()
    several.settle()
    assert session.project.images[1].excluded
    assert not box.asks
    layer = several.panel.layers.left_out.layer
    assert layer.data[112:].all() and not layer.data[:112].any()
    session.undo()
    assert several.panel.layers.left_out.layer is None
    box.buttons["roi", "rectangle"].click()
    several.drag((20, 30), (60, 90))
    several.wait(lambda: session.project.images[1].roi != ())
    several.settle()
    counted = session.project.images[1].counted(((0, 128), (0, 160)))
    rows, columns = np.nonzero(counted)
    found = [rows.min(), rows.max(), columns.min(), columns.max()]
    assert np.abs(np.subtract(found, [20, 60, 30, 90])).max() <= 1
    assert several.panel.layers.drawing.layer is None
    assert several.viewer.layers.selection.active is several.clicks


def test_a_pixel_size_is_drawn_over_a_scale_bar(several):
    page, session = several.panel.click_page.images, several.session
    page.about.open()
    box = page.details.pixel_size
    box.draw_button.click()
    several.drag((100, 20), (100, 120))
    several.wait(lambda: box.drawn.isVisible())
    box.length.setText("50")
    box.use_button.click()
    (size, _), unit = session.project.images[0].pixel_size, session.project.images[0].unit
    assert size == pytest.approx(0.5, rel=0.03)
    assert unit == "um"
    assert several.panel.layers.image.layer.scale[0] == size  # our own layer follows
    session.undo()
    assert session.project.images[0].pixel_size is None
    assert several.panel.layers.image.layer.scale[0] == 1


def test_black_and_white_masks_become_objects_by_their_pieces(several, tmp_path):
    masks = (draw_discs() > 500).astype(np.uint8) * 255
    tifffile.imwrite(tmp_path / "cells_2_masks.tif", masks)
    dialog = import_dialog(several, ImportButton.take_file, tmp_path / "cells_2_masks.tif")
    assert "one value, 255" in dialog.said.text()
    assert "masks of 'cells_2.tif'" in dialog.said.text()  # by its name, not the one in view
    assert dialog.split.isChecked()
    dialog.start()
    several.settle()
    assert "12 object(s)" in dialog.result.text()
    (truth,) = several.session.project.truths
    assert len(truth.classes) == 12
    assert truth.image == several.session.project.images[2].id
    dialog.close()


@pytest.mark.parametrize("is_folder", [False, True])
def test_clicks_in_masks_come_before_the_class_that_is_chosen(several, tmp_path, is_folder):
    session, (image, *_) = several.session, several.session.project.images
    project = session.project.with_classes(session.project.next_class("other"))
    session.edit(project, "class")
    ids = np.zeros(draw_discs().shape, np.uint8)
    ids[10:20, 10:20], ids[30:40, 30:40] = 1, 2
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks" / "cells_0_masks.tif"
    tifffile.imwrite(path, ids)
    click = Click(image=image.id, position=(15.0, 15.0), cls=1)
    session.edit(session.project.with_clicks(click), "click")
    take = ImportButton.take_file
    dialog = import_dialog(several, take, path.parent if is_folder else path)
    dialog.cls.choose("other")
    dialog.start()
    several.settle()
    assert "1 object(s) are of the class of the clicks in them" in dialog.result.text()
    assert session.project.truths[0].classes == {1: 1, 2: 2}
    dialog.close()


def test_masks_of_a_layer_that_lies_elsewhere_are_refused(several):
    button = several.panel.click_page.images.import_button
    masks = (draw_discs() > 500).astype(np.int32)
    moved = several.viewer.add_labels(masks, translate=(50, 60), scale=(2, 2), name="moved")
    with pytest.raises(InputError, match="does not lie on image"):
        button.take_layer(moved)
    several.settle()
    assert button.dialog is None


def test_an_import_that_is_left_is_cancelled_before_its_questions_go(several, monkeypatch):
    release = threading.Event()

    def slow(*args, **options):
        def work():
            while not release.is_set():
                release.wait(0.01)
                yield Progress(0.5)

        return Job(work(), "import")

    points = several.viewer.add_points(np.array(CENTERS), name="mine")
    dialog = import_dialog(several, ImportButton.take_layer, points)
    monkeypatch.setattr(type(several.session), "import_file", slow)
    gone = []
    dialog.finished.connect(gone.append)
    dialog.start()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert gone == [] and several.panel.controller.job("short").is_stopping
    several.settle()
    release.set()
    assert gone == [0]
    assert several.session.project.clicks == ()


def test_points_of_a_scaled_layer_become_clicks_under_them(several):
    points = several.viewer.add_points(np.array(CENTERS) / 2, scale=(2, 2), name="mine")
    dialog = import_dialog(several, ImportButton.take_layer, points)
    dialog.start()
    several.settle()
    assert "12 clicks added" in dialog.result.text()
    assert {c.position for c in several.session.project.clicks} == {
        tuple(map(float, center)) for center in CENTERS
    }
    dialog.close()


def test_points_and_shapes_are_read_in_a_thread_as_one_array(several, monkeypatch):
    threads, on_plane = [], LayerThings.on_plane

    def noted(things):
        threads.append(threading.current_thread() is threading.main_thread())
        return on_plane(things)

    monkeypatch.setattr(LayerThings, "on_plane", noted)
    boxes = [[(10, 10), (10, 30), (40, 30), (40, 10)], [(50, 60), (50, 70), (90, 70), (90, 60)]]
    layer = several.viewer.add_shapes(
        np.array(boxes) / 2, shape_type=["rectangle", "polygon"], scale=(2, 2), name="mine",
        features={"class": ["object", "object"]},
    )  # fmt: skip
    dialog = import_dialog(several, ImportButton.take_layer, layer)
    dialog.close()
    assert threads == [False]
    image = several.panel.layers.image
    table = on_plane(LayerThings.of(layer, image, image.refs[0], several.panel.layers.point))
    assert np.allclose(table.vertices, np.concatenate(boxes))
    assert table.counts.tolist() == [4, 4]
    assert table.kinds == ("rectangle", "polygon")
    assert table.classes == ("object", "object")


def test_of_a_stack_of_points_those_on_the_shown_plane_are_read(several, tmp_path, shown):
    points = np.array([(0, 10, 20), (1, 30, 40), (1, 50, 60), (2, 70, 80)], float)
    layer = several.viewer.add_points(points, features={"Class": list("abcd")}, name="mine")
    layers, here = several.panel.layers, (1.0, 0.0, 0.0)
    things = LayerThings.of(layer, layers.image, layers.image.refs[0], here)
    table = things.on_plane()
    assert table.vertices.tolist() == [[30, 40], [50, 60]]
    assert (table.classes, table.elsewhere, table.axes) == (("b", "c"), 2, "yx")
    text = table.write(tmp_path / "points.csv").read_text()
    assert text == "index,axis-0,axis-1,class\n0,30.0,40.0,b\n1,50.0,60.0,c\n"
    layer.data = points[[0, 3]]
    several.viewer.dims.set_point(0, 1)
    several.panel.click_page.images.import_button.take_layer(layer)
    several.wait(lambda: any("nothing on the plane" in r.message for r in shown))


def test_what_a_file_lacks_is_asked_for_after_it_was_refused(several, tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "image,class,ymin,xmin,ymax,xmax\ncells_0.tif,yeast,10,10,30,30\n"
    )
    dialog = import_dialog(several, ImportButton.take_file, tmp_path / "boxes.csv")
    assert not dialog.add_classes.isVisible()
    dialog.start()
    several.settle()
    assert "yeast" in dialog.problem.text() and "--" not in dialog.problem.text()
    assert dialog.add_classes.isVisible()
    dialog.add_classes.setChecked(True)
    dialog.start()
    several.settle()
    assert [c.name for c in several.session.project.classes] == ["object", "yeast"]
    assert len(several.session.project.truths) == 1
    dialog.close()


def test_from_where_planes_count_is_asked_for_where_names_do_not_tell(several, tmp_path):
    tifffile.imwrite(
        tmp_path / "stack.tif", np.stack([draw_discs()] * 4), imagej=True, metadata={"axes": "ZYX"}
    )
    several.session.add_images(tmp_path / "stack.tif", "planes").result()
    (tmp_path / "boxes.csv").write_text(
        "image,class,ymin,xmin,ymax,xmax\nstack_2.png,object,10,10,30,30\n"
    )
    dialog = import_dialog(several, ImportButton.take_file, tmp_path / "boxes.csv")
    dialog.start()
    several.settle()
    assert "choose below which is the first" in dialog.problem.text()
    assert dialog.first_plane.isVisible()
    dialog.first_plane.choose(1)
    dialog.start()
    several.settle()
    project = several.session.project
    assert [project.image(t.image).plane["z"] for t in project.truths] == [1]
    dialog.close()


def test_axes_of_a_file_are_asked_for_before_it_is_used(bench, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.stack([draw_discs()] * 5))
    files = bench.panel.files.images
    files.add([tmp_path / "movie.tif"])
    bench.wait(lambda: files.dialog is not None)
    (box,) = files.dialog.boxes
    assert "a guess" in box.title.text()
    box.axes.setCurrentIndex(box.axes.findData("tyx"))
    box.each.setChecked(False)
    box.numbers["t"].setValue(3)
    files.dialog.accept()
    bench.settle()
    bench.settle()
    assert [ref.plane for ref in bench.session.project.images] == [{"t": 3}]
