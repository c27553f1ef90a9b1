"""Which channels are used is typed in the panel, for all images or for one, and can be undone."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

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
