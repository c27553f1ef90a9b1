"""Strokes of every image are saved sooner or later, also where a save fails."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QTimer

from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.pictures import image_key
from napari_synthseg.ui.viewer.displayed_image import DisplayedImage
from napari_synthseg.ui.viewer.marking.region_keeper import RegionKeeper
from napari_synthseg.workflow import painting
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array, true_masks

SHAPE = (12, 16)

pytestmark = pytest.mark.gui


@pytest.fixture
def controller(qtbot, tmp_path):
    session = Session.create(tmp_path / "p.synthseg")
    session.edit(session.project.with_classes(session.project.next_class("phase")), "add class")
    for name in ("first", "second"):
        add_array(session, np.zeros(SHAPE, np.uint8), "yx", name)
    controller = SessionController()
    controller.show(session)
    yield controller
    controller.clear()
    session.close().result()


@pytest.fixture
def keeper(controller, monkeypatch):
    monkeypatch.setattr("napari_synthseg.ui.viewer.marking.region_keeper.PAUSE_MS", 20)
    return RegionKeeper(controller)


@pytest.fixture
def images(controller):
    return [
        DisplayedImage(controller, image_key(ref), Image(np.zeros(SHAPE)), SHAPE)
        for ref in controller.project.images
    ]


def stroke(row):
    values = np.zeros(SHAPE, np.uint8)
    values[row] = 1
    return values


def saved(controller, image):
    masks = true_masks(controller.session, image.refs[0])
    return None if masks is None else set(np.flatnonzero(masks.values.any(axis=1)).tolist())


def test_a_save_that_failed_is_tried_again_and_holds_up_no_other_image(
    controller, keeper, images, qtbot, monkeypatch
):
    first, second = images
    told = []
    monkeypatch.setattr(
        "napari_synthseg.ui.control.controller.report",
        lambda outcome, doing: told.append(f"{doing}: {outcome.error}"),
    )
    save, broken = save_array, [True]

    def save_second_only(array, axes, folder, ident):
        if broken and array[2].any():
            raise InputError("the disk is full")
        return save(array, axes, folder, ident)

    monkeypatch.setattr(painting, "save_array", save_second_only)
    keeper.show(first)
    keeper.note_stroke(stroke(2), rest_unknown=False)
    keeper.show(second)
    keeper.note_stroke(stroke(5), rest_unknown=False)
    qtbot.waitUntil(lambda: saved(controller, second) == {5}, timeout=20_000)
    qtbot.waitUntil(lambda: controller.job("regions") is None, timeout=20_000)
    assert saved(controller, first) is None
    assert keeper.is_busy
    assert "save the regions: the disk is full" in told
    # shown again, the image has its strokes though they are not on disk
    read = []
    keeper.loaded.connect(read.append)
    keeper.show(first)
    qtbot.waitUntil(lambda: bool(read), timeout=20_000)
    np.testing.assert_array_equal(read[-1].values, stroke(2))
    assert read[-1].shares == {1: pytest.approx(1 / 12)}
    broken.clear()
    keeper.findChild(QTimer).setInterval(0)  # rather than wait for the next try
    qtbot.waitUntil(lambda: saved(controller, first) == {2}, timeout=20_000)
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)


def test_what_failed_is_saved_at_the_end_too(controller, keeper, images, qtbot, monkeypatch):
    def full(*_):
        raise InputError("the disk is full")

    session = controller.session
    with monkeypatch.context() as broken:
        broken.setattr(painting, "save_array", full)
        keeper.show(images[0])
        keeper.note_stroke(stroke(3), rest_unknown=False)
        timer = keeper.findChild(QTimer)
        qtbot.waitUntil(timer.isActive, timeout=20_000)
        qtbot.waitUntil(lambda: timer.interval() > 1000, timeout=20_000)
    controller.clear()
    session.close().result()
    with Session.open(session.folder).result() as again:
        masks = true_masks(again, again.project.images[0])
        assert np.flatnonzero(masks.values.any(axis=1)).tolist() == [3]


def test_saving_calls_back_once_all_is_saved(controller, keeper, images, qtbot):
    keeper.show(images[0])
    keeper.note_stroke(stroke(3), rest_unknown=False)
    seen = []
    keeper.save(lambda: seen.append(saved(controller, images[0])))
    qtbot.waitUntil(lambda: bool(seen), timeout=20_000)
    assert seen == [{3}]


def test_undo_takes_back_the_newest_stroke_though_it_is_not_saved_yet(
    controller, keeper, images, qtbot
):
    keeper.show(images[0])
    keeper.note_stroke(stroke(3), rest_unknown=False)
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    both = stroke(3) | stroke(7)
    keeper.note_stroke(both, rest_unknown=False)
    controller.undo()
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    assert saved(controller, images[0]) == {3}
    controller.redo()
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    assert saved(controller, images[0]) == {3, 7}
    keeper.note_stroke(both | stroke(9), rest_unknown=False)
    keeper.save()  # and while it is being saved; each of several presses counts
    controller.undo()
    controller.undo()
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    assert saved(controller, images[0]) == {3}


def test_a_stroke_after_an_undo_is_not_lost_when_that_is_to_be_done_again(
    controller, keeper, images, qtbot
):
    keeper.show(images[0])
    keeper.note_stroke(stroke(3), rest_unknown=False)
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    controller.undo()
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    assert saved(controller, images[0]) is None
    keeper.note_stroke(stroke(5), rest_unknown=False)
    controller.redo()
    qtbot.waitUntil(lambda: not keeper.is_busy, timeout=20_000)
    assert saved(controller, images[0]) == {5}


def choose_channel(controller, ref):
    changed = ref.model_copy(update={"channels": (0,)})
    controller.edit(controller.project.with_images(changed), "choose channels")
    return DisplayedImage(controller, image_key(changed), Image(np.zeros(SHAPE)), SHAPE)


def test_strokes_just_before_other_channels_are_chosen_are_saved(controller, keeper, images, qtbot):
    ref = images[0].refs[0]
    keeper.show(images[0])
    keeper.note_stroke(stroke(4), rest_unknown=False)
    again = choose_channel(controller, ref)
    keeper.show(None)
    read = []
    keeper.loaded.connect(read.append)
    keeper.show(again)
    qtbot.waitUntil(lambda: bool(read), timeout=20_000)
    np.testing.assert_array_equal(read[0].values, stroke(4))
    assert saved(controller, again) == {4}


@pytest.mark.parametrize("is_closed", [False, True])
def test_strokes_that_failed_to_be_saved_outlast_a_choice_of_channels(
    controller, keeper, images, qtbot, monkeypatch, is_closed
):
    def full(*_):
        raise InputError("the disk is full")

    ref, session = images[0].refs[0], controller.session
    timer = keeper.findChild(QTimer)
    with monkeypatch.context() as broken:
        broken.setattr(painting, "save_array", full)
        keeper.show(images[0])
        keeper.note_stroke(stroke(3), rest_unknown=False)
        qtbot.waitUntil(lambda: timer.isActive() and timer.interval() > 1000, timeout=20_000)
        again = choose_channel(controller, ref)
        read = []
        keeper.loaded.connect(read.append)
        keeper.show(again)  # its strokes are there, though they are not on disk
        qtbot.waitUntil(lambda: bool(read), timeout=20_000)
        np.testing.assert_array_equal(read[0].values, stroke(3))
    if is_closed:
        controller.clear()
        session.close().result()
        with Session.open(session.folder).result() as opened:
            masks = true_masks(opened, opened.project.images[0])
            assert np.flatnonzero(masks.values.any(axis=1)).tolist() == [3]
    else:
        timer.setInterval(0)  # rather than wait for the next try
        qtbot.waitUntil(lambda: saved(controller, again) == {3}, timeout=20_000)
