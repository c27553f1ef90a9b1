"""What is used of a layer is what it shows, or what its file says; which of them is told."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from PIL import Image as Picture

from napari_synthseg.storage.images import describe, open_pixels
from tests.ui.conftest import draw_discs

pytestmark = pytest.mark.gui

DISCS = draw_discs()
GRAY = (DISCS // 8).astype(np.uint8)


@pytest.fixture
def disc_layer(bench, tmp_path):
    """A layer that napari read from a file."""
    path = tmp_path / "discs.tif"
    tifffile.imwrite(path, DISCS)
    (layer,) = bench.viewer.open(path, plugin="napari")
    return layer


def look(bench, layer):
    """Select a layer on the first page; return what the page says of it."""
    bench.viewer.layers.selection.active = layer
    bench.panel.show_step(-1)
    bench.settle()
    return bench.panel.start_page.here.text()


def use(bench, layer):
    bench.panel.files.use_layer(layer)
    bench.settle()
    return bench.session.project.images if bench.session else ()


def stored(bench, ref):
    """Return the pixels that are used, as they are stored."""
    image = open_pixels(ref, bench.session.folder)
    return image.read_stored(tuple(slice(0, n) for n in image.shape[1:]))


def images_shown(bench):
    return [la for la in bench.viewer.layers if isinstance(la, Image) and la.visible]


CHANGES = {
    "cropped": lambda data: data[20:100, 30:130],
    "inverted": lambda data: 1300 - data,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_layer_that_was_changed_is_copied_as_it_is_shown(bench, disc_layer, told, change):
    disc_layer.data = change(disc_layer.data)
    (ref,) = use(bench, disc_layer)
    assert ref.uri.startswith("arrays:")
    assert np.array_equal(stored(bench, ref)[0], disc_layer.data)
    assert bench.panel.layers.image.layer is disc_layer
    assert any("does not show what its file 'discs.tif' holds" in r.message for r in told)


def test_a_layer_that_was_moved_uses_its_file_and_its_own_place_and_scale(bench, disc_layer, told):
    disc_layer.scale, disc_layer.units = (0.5, 0.25), ("um", "um")
    disc_layer.translate = (40, 50)
    (ref,) = use(bench, disc_layer)
    assert (ref.uri[-9:], ref.pixel_size, ref.unit) == ("discs.tif", (0.5, 0.25), "um")
    bench.click((40, 50))
    (click,) = bench.session.project.clicks
    assert np.allclose(click.position, (40, 50), atol=1.0)
    assert np.allclose(bench.clicks.data_to_world((40, 50)), disc_layer.data_to_world((40, 50)))
    assert not told


def test_a_file_that_napari_reads_in_another_way_is_shown_again_as_it_says(bench, tmp_path, told):
    path = tmp_path / "gray.png"
    Picture.fromarray(np.dstack([GRAY, np.full_like(GRAY, 255)]), "LA").save(path)
    (layer,) = bench.viewer.open(path, plugin="napari")
    assert layer.data.shape == (128, 160, 2)
    assert "1 channel" in look(bench, layer)
    (ref,) = use(bench, layer)
    assert (ref.name, ref.axes, ref.ndim) == ("gray.png", "yx", 2)
    assert np.array_equal(stored(bench, ref)[0], GRAY)
    shown = bench.panel.layers.image.layer
    assert shown is not layer
    assert shown.data.shape == (128, 160)
    assert any("shown again" in r.message for r in told)


def test_gray_and_alpha_without_a_file_are_two_values_a_pixel_and_no_volume(bench):
    layer = bench.viewer.add_image(np.dstack([GRAY, np.full_like(GRAY, 255)]), rgb=False)
    assert "2 channels (a guess" in look(bench, layer)
    (ref,) = use(bench, layer)
    assert (ref.axes, ref.ndim) == ("yxc", 2)


def frames(number):
    return np.stack([DISCS + 5 * n for n in range(number)]).astype(np.uint16)


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
def test_a_stack_is_what_its_file_says_as_on_the_command_line(bench, tmp_path, axes):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, frames(5), imagej=True, metadata={"axes": axes})
    (layer,) = bench.viewer.open(path, plugin="napari")
    bench.viewer.dims.set_current_step(0, 3)
    letter = axes[0].lower()
    said = {"t": "5 frames over time", "c": "5 channels"}[letter]
    words = look(bench, layer)
    assert f"'stack': {said}" in words
    assert "guess" not in words
    assert bench.panel.start_page.axes.value == axes.lower()
    (ref,) = use(bench, layer)
    alike = [one for one in describe(path) if one.plane == ref.plane]
    assert [(one.axes, one.fingerprint) for one in alike] == [(ref.axes, ref.fingerprint)]
    if letter == "c":
        assert (ref.plane, stored(bench, ref).shape) == ({}, (5, 128, 160))
    else:
        assert ref.plane == {letter: 3}
        assert np.array_equal(stored(bench, ref)[0], frames(5)[3])


def test_every_frame_of_a_movie_may_be_used(bench, tmp_path):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames(5), imagej=True, metadata={"axes": "TYX"})
    (layer,) = bench.viewer.open(path, plugin="napari")
    bench.panel.start_page.every_plane.setChecked(True)
    refs = use(bench, layer)
    assert [ref.plane for ref in refs] == [{"t": n} for n in range(5)]
    assert [ref.plane for ref in describe(path)] == [ref.plane for ref in refs]


def test_five_frames_in_memory_are_no_channels_and_the_user_may_say_what_they_are(bench):
    layer = bench.viewer.add_image(frames(5), name="movie", translate=(0, 30, 40))
    bench.viewer.dims.set_current_step(0, 4)
    page = bench.panel.start_page
    assert "a stack of 5 planes (a guess" in look(bench, layer)
    (ref,) = use(bench, layer)
    assert np.array_equal(stored(bench, ref)[0], frames(5)[4])
    assert np.allclose(bench.clicks.data_to_world((0, 0)), (30, 40))  # where the movie lies
    bench.panel.files.new_project()
    page.enter()
    page.axes.setCurrentIndex(page.axes.findData("tyx"))
    assert "5 frames over time; the shown one is used" in page.here.text()
    page.every_plane.setChecked(True)
    refs = use(bench, layer)
    assert [ref.plane for ref in refs] == [{"t": n} for n in range(5)]
    assert np.array_equal(stored(bench, refs[2])[0], frames(5)[2])
    bench.panel.files.new_project()
    page.axes.setCurrentIndex(page.axes.findData("cyx"))
    (ref,) = use(bench, layer)
    assert stored(bench, ref).shape == (5, 128, 160)


def test_a_layer_shorter_than_the_slider_is_refused_with_the_way_out(bench, told):
    bench.viewer.add_image(np.zeros((20, 64, 64), np.uint8), name="long")
    layer = bench.viewer.add_image(frames(6), name="short")
    bench.viewer.dims.set_current_step(0, 15)
    assert use(bench, layer) == ()
    assert "'short' has 6 planes along z" in told[-1].message
    bench.viewer.dims.set_current_step(0, 5)
    (ref,) = use(bench, layer)
    assert np.array_equal(stored(bench, ref)[0], frames(6)[5])


def test_the_shown_plane_is_used_where_other_layers_have_finer_steps(bench):
    bench.viewer.add_image(np.zeros((24, 64, 64), np.uint8), name="fine")
    layer = bench.viewer.add_image(frames(6), name="coarse", scale=(4, 1, 1))
    bench.viewer.dims.set_point(0, 12.0)
    (ref,) = use(bench, layer)
    assert np.array_equal(stored(bench, ref)[0], frames(6)[3])


def test_layers_that_were_made_here_are_not_offered(opened):
    from napari_synthseg.core.predictions import BoxPrediction, FoundObject, InstancePrediction

    panel, image = opened.panel, opened.panel.layers.image
    (ref,) = image.refs
    found = FoundObject(1, 1, 0.9, (20.0, 20.0), ((10, 30), (10, 30)))
    ids = np.ones(image.shape, np.int32)
    panel.layers.outputs.show_prediction(
        InstancePrediction(image=ref.id, run="r", ids=ids, objects=(found,)), "found", image
    )
    panel.layers.outputs.show_prediction(
        BoxPrediction(image=ref.id, run="r", objects=(found,)), "boxes", image
    )
    opened.settle()
    ours = [la for la in opened.viewer.layers if la.name != "discs"]
    assert len(ours) == 5  # clicks, outlines, labels, lines and centers
    assert all(panel.layers.owns(layer) for layer in ours)
    assert panel.files.find_layer() is None
    mine = opened.viewer.add_labels(ids, name="mine")
    assert [la.name for la in panel.layers.label_layers()] == ["found", mine.name]
