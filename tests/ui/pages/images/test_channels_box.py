"""Which channels are used is typed in the panel, for all images or for one, and can be undone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.storage.images import choosable_channels, counted_channels
from napari_synthseg.ui.pages.images import channels_box
from napari_synthseg.ui.viewer.reading.layer_view import read_image
from napari_synthseg.workflow.jobs import Job
from tests.ui.conftest import CENTERS, draw_discs

pytestmark = pytest.mark.gui


def type_channels(bench, text):
    """Type channels and press Enter."""
    box = bench.panel.click_page.images.details.channels
    box.channels.setText(text)
    box.channels.setModified(True)
    box.channels.editingFinished.emit()
    bench.settle()
    bench.settle()


def show(bench, name):
    """Show an image of the project."""
    (ref,) = (ref for ref in bench.session.project.images if ref.name == name)
    bench.panel.layers.show_image(ref)
    bench.settle()
    bench.settle()


def used(bench):
    return {ref.name: ref.channels for ref in bench.session.project.images}


@pytest.fixture
def several(bench, tmp_path):
    """The panel with two images of discs among three channels, of which the first is in view."""
    discs = draw_discs()
    noise = np.random.default_rng(0).integers(0, 5000, discs.shape, np.uint16)
    for name in ("a", "b"):
        image = np.stack([np.full_like(discs, 50), discs, noise])
        tifffile.imwrite(tmp_path / f"{name}.tif", image, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "gray.tif", discs)
    bench.panel.files.images.add([tmp_path / f"{name}.tif" for name in ("a", "b", "gray")])
    bench.settle()
    show(bench, "a.tif")
    return bench


def test_channels_are_chosen_for_all_images_and_taken_back(several):
    details = several.panel.click_page.images.details
    assert details.channels.isVisibleTo(details)
    assert details.channels.channels.placeholderText() == "all, 0 to 2"
    several.click_all()
    several.settle()
    assert several.panel.layers.image.layer.data.shape == (3, 128, 160)
    type_channels(several, "1")
    assert used(several) == {"a.tif": (1,), "b.tif": (1,), "gray.tif": None}
    image = several.panel.layers.image
    assert (image.refs[0].name, image.layer.data.shape) == ("a.tif", (128, 160))
    assert np.corrcoef(image.layer.data.ravel(), draw_discs().ravel())[0, 1] > 0.99
    assert len(several.clicks.data) == len(CENTERS)
    assert details.channels.channels.text() == "1"
    several.session.undo()
    several.settle()
    several.settle()
    assert used(several) == dict.fromkeys(("a.tif", "b.tif", "gray.tif"))
    assert several.panel.layers.image.layer.data.shape == (3, 128, 160)
    assert details.channels.channels.text() == ""


def test_channels_of_one_image_and_what_cannot_be_chosen(several):
    from napari.utils.notifications import notification_manager

    details = several.panel.click_page.images.details
    details.channels.for_all.setChecked(False)
    type_channels(several, "0, 2")
    assert used(several) == {"a.tif": (0, 2), "b.tif": None, "gray.tif": None}
    notification_manager.records.clear()
    type_channels(several, "5")
    type_channels(several, "DAPI")
    told = [record.message for record in notification_manager.records]
    assert any("'a.tif' has no channel 5, but channels 0 to 2" in text for text in told)
    assert any("'DAPI' names no channels" in text for text in told)
    assert used(several)["a.tif"] == (0, 2)
    assert details.channels.channels.text() == "0, 2"
    show(several, "gray.tif")
    assert not details.channels.isVisibleTo(details)


def test_a_layer_of_the_user_stays_and_is_shown_again(bench):
    discs = draw_discs()
    stack = np.stack([discs, discs[::-1], discs])
    layer = bench.viewer.add_image(stack, name="stack", axis_labels=("c", "y", "x"))
    bench.panel.files.use_layer(bench.viewer.layers["stack"])
    bench.settle()
    bench.settle()
    assert bench.panel.layers.image.layer.data is stack
    type_channels(bench, "2")
    shown = bench.panel.layers.image.layer
    assert (shown.data.shape, shown.visible, layer.visible) == (discs.shape, True, False)
    bench.session.undo()
    bench.settle()
    bench.settle()
    assert bench.panel.layers.image.layer.data is stack
    assert layer.visible


def test_channels_of_an_image_that_could_not_be_opened_are_shown_later(several, monkeypatch):
    details = several.panel.click_page.images.details
    asked = []

    def offline(ref, folder):
        asked.append(ref.name)
        raise InputError("the drive is not there")

    with monkeypatch.context() as broken:
        broken.setattr(channels_box, "choosable_channels", offline)
        show(several, "b.tif")
        several.qtbot.wait(300)
        assert 0 < len(asked) < 10  # a failure leads to no other try by itself
        assert not details.channels.isVisibleTo(details)
    show(several, "a.tif")
    show(several, "b.tif")
    assert details.channels.isVisibleTo(details)
    assert details.channels.channels.placeholderText() == "all, 0 to 2"


def test_what_storage_has_counted_is_shown_at_once(several, monkeypatch):
    session = several.session
    (ref,) = (ref for ref in session.project.images if ref.name == "b.tif")
    assert counted_channels(ref, session.folder) is None
    assert choosable_channels(ref, session.folder) == 3
    monkeypatch.setattr(channels_box, "choosable_channels", lambda *_: pytest.fail("again"))
    show(several, "b.tif")
    details = several.panel.click_page.images.details
    assert details.channels.channels.placeholderText() == "all, 0 to 2"


def test_a_color_that_was_chosen_elsewhere_can_be_taken_back(several, tmp_path):
    details = several.panel.click_page.images.details
    color = np.repeat(draw_discs()[..., None] // 8, 3, axis=-1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "color.tif", color, photometric="rgb")
    several.panel.files.images.add([tmp_path / "color.tif"])
    several.settle()
    show(several, "color.tif")
    assert not details.channels.isVisibleTo(details)
    (ref,) = several.panel.layers.image.refs
    several.panel.controller.start(lambda session: session.choose_channels((0,), [ref]))
    several.settle()
    several.settle()
    assert used(several)["color.tif"] == (0,)
    assert details.channels.isVisibleTo(details)
    assert details.channels.channels.text() == "0"
    assert details.channels.channels.placeholderText() == "all"
    assert not details.channels.for_all.isVisibleTo(details)
    type_channels(several, "")
    assert set(used(several).values()) == {None}
    assert not details.channels.isVisibleTo(details)
    show(several, "a.tif")
    assert details.channels.for_all.isVisibleTo(details)


def choose_while_reading(bench, end_reading):
    """Choose channel 1 of all images while an image is read; nothing is in view until that ends."""
    bench.panel.controller.start(lambda session: session.choose_channels((1,)))
    bench.wait(lambda: used(bench)["a.tif"] == (1,))
    assert bench.panel.layers.image is None
    end_reading()
    bench.settle()
    bench.settle()


@pytest.mark.parametrize("way", ["ends", "is cancelled"])
def test_the_image_in_view_comes_back_once_other_reading_ends(several, told, way):
    controller, go, before = several.panel.controller, threading.Event(), len(told)

    def read():
        while not go.wait(0.01):
            yield Progress(0.5)

    controller.run(Job(read(), "read another image"), lane="reading")
    choose_while_reading(several, go.set if way == "ends" else lambda: controller.cancel("reading"))
    image = several.panel.layers.image
    assert (image.refs[0].name, image.layer.data.shape) == ("a.tif", (128, 160))
    assert not any("Still busy" in record.message for record in told[before:])


def test_an_image_that_is_read_meanwhile_is_shown_in_the_channels_of_now(several, monkeypatch):
    go = threading.Event()

    def slow(ref, folder):
        go.wait(60)
        return (yield from read_image(ref, folder))

    monkeypatch.setattr("napari_synthseg.ui.viewer.layers.read_image", slow)
    (ref,) = (ref for ref in several.session.project.images if ref.name == "b.tif")
    several.panel.layers.show_image(ref)
    choose_while_reading(several, go.set)
    image = several.panel.layers.image
    assert (image.refs[0].name, image.layer.data.shape) == ("b.tif", (128, 160))
    assert several.panel.controller.job("reading") is None
