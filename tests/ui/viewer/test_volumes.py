"""Clicking in a volume with the mouse, plane after plane, as far as the patches."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.ui.viewer import view
from napari_synthseg.ui.viewer.adding.layer_tables import LayerThings

pytestmark = pytest.mark.gui

SHAPE = (12, 80, 96)
SCALE = (3.0, 1.0, 1.0)
CENTERS = tuple((z, y, x) for z, row in ((3, 20), (8, 52)) for y in (row,) for x in (18, 48, 78))
DIAMETER = 15.0


def draw_balls() -> np.ndarray:
    """Return a noisy volume whose planes lie three pixels apart, with round objects, uint16."""
    rng = np.random.default_rng(3)
    where = np.indices(SHAPE).astype(float)
    image = rng.normal(200, 12, SHAPE)
    for center in CENTERS:
        away = [(i - c) * s for i, c, s in zip(where, center, SCALE, strict=True)]
        image += 800 * (np.sqrt(sum(a**2 for a in away)) < DIAMETER / 2)
    return np.clip(image, 0, None).astype(np.uint16)


@pytest.fixture
def volume(bench):
    """The bench with a volume in use."""
    layer = bench.viewer.add_image(draw_balls(), name="balls", scale=SCALE)
    bench.panel.files.use_layer(layer)
    bench.settle()
    project = bench.session.project
    cls = project.classes[0].model_copy(update={"diameter": DIAMETER})
    bench.session.edit(project.with_classes(cls), "set diameter")
    return bench


def click_in(bench, center):
    bench.viewer.dims.set_current_step(0, center[0])
    bench.click(center)


def test_a_deep_layer_becomes_a_volume_in_its_own_place(volume):
    (ref,) = volume.session.project.images
    assert (ref.axes, ref.ndim, ref.pixel_size) == ("zyx", 3, SCALE)
    assert volume.clicks.ndim == 3
    assert tuple(volume.clicks.scale) == SCALE
    image = volume.viewer.layers["balls"]
    assert volume.panel.layers.owns(image)  # the user's own layer, not a copy
    assert np.allclose(volume.clicks.data_to_world((1, 2, 3)), image.data_to_world((1, 2, 3)))


def test_clicks_of_the_mouse_lie_in_the_plane_that_is_shown(volume, qtbot):
    for center in CENTERS:
        click_in(volume, center)
    clicks = volume.session.project.clicks
    assert np.allclose([c.position for c in clicks], CENTERS, atol=1.5)
    assert {c.position[0] for c in clicks} == {3.0, 8.0}
    volume.press("Ctrl+Z")
    assert len(volume.session.project.clicks) == len(CENTERS) - 1
    assert len(volume.clicks.data) == len(CENTERS) - 1


def test_in_3d_no_click_is_made_or_moved_and_it_is_said_where(volume, told):
    click_in(volume, CENTERS[0])
    before = volume.session.project.clicks
    volume.viewer.dims.ndisplay = 3
    volume.qtbot.wait(50)
    volume.click(CENTERS[4])
    volume.wait(lambda: told and "press Ctrl+Y" in told[-1].message)
    volume.clicks.data = volume.clicks.data + 2
    volume.wait(lambda: [tuple(p) for p in volume.clicks.data] == [c.position for c in before])
    assert volume.session.project.clicks == before
    volume.clicks.selected_data = {0}
    volume.clicks.remove_selected()
    assert volume.session.project.clicks == ()
    volume.canvas().setFocus()
    volume.press("Ctrl+Y")
    assert volume.viewer.dims.ndisplay == 2


def test_all_in_view_are_those_that_are_drawn(volume):
    from napari_synthseg.core.patch import Outline
    from napari_synthseg.patches.suggesting.suggestion import Suggestion
    from napari_synthseg.workflow.suggesting import Suggestions

    (ref,) = volume.session.project.images
    ball = Outline(np.ones((3, 9, 9), bool), (0, 0, 0), 0.9)
    ones = [
        Suggestion(f"s{n}", ref.id, 1, tuple(map(float, center)), ball, 0.8, "model")
        for n, center in enumerate(CENTERS)
    ]
    volume.session.suggestions[ref.id] = Suggestions(ref.id, tuple(ones), "run 1")
    review = volume.panel.layers.suggestions
    review.resume()
    volume.viewer.dims.set_current_step(0, CENTERS[0][0])
    volume.viewer.fit_to_view()

    def drawn():
        points = review.layer.points
        return {tuple(points.data[row]) for row in points._view_indices}

    volume.wait(lambda: drawn() == set(CENTERS[:3]) == {s.position for s in review.layer.in_view})
    review.answer_visible("accept")
    assert {c.position for c in volume.session.project.clicks} == set(CENTERS[:3])
    assert len(review.open) == 3
    volume.viewer.dims.set_current_step(0, CENTERS[3][0])
    camera = volume.viewer.scene.camera
    camera.center, camera.zoom = (0, *CENTERS[4][1:]), 25
    review.answer_visible("accept")
    assert volume.session.project.clicks[-1].position == CENTERS[4]
    assert len(review.open) == 2


def test_a_place_is_brought_into_view_along_the_axes_that_are_displayed(volume):
    volume.clicks.add(np.array(CENTERS[:1], float))
    dims, camera = volume.viewer.dims, volume.viewer.scene.camera
    depth, y, x = np.multiply(CENTERS[4], SCALE)
    dims.order = (1, 0, 2)
    view.center_on(volume.viewer, (depth, y, x))
    assert dims.point[1] == y and np.allclose(camera.center, (0, depth, x))
    view.look_at_layer(volume.viewer, volume.viewer.layers["balls"])
    middle = np.multiply(np.subtract(SHAPE, 1), SCALE) / 2
    assert np.allclose(camera.center[-2:], middle[[0, 2]])
    assert view.is_on_canvas(volume.viewer, (depth, y, x))
    dims.order, dims.ndisplay = (0, 1, 2), 3
    view.center_on(volume.viewer, (depth, y, x))
    assert np.allclose(camera.center, (depth, y, x))
    view.look_at_layer(volume.viewer, volume.viewer.layers["balls"])
    assert np.allclose(camera.center, middle)


def test_patches_are_cut_in_three_dimensions_and_looked_at(volume):
    for center in CENTERS:
        click_in(volume, center)
    volume.panel.show_step(1)
    volume.settle()
    library = volume.session.library
    assert len(library.usable()) == len(CENTERS)
    ball = np.pi / 6 * DIAMETER**3 / np.prod(SCALE)
    assert all(0.5 * ball < p.area < 1.8 * ball for p in library.patches)
    volume.panel.layers.look_at_patch(library.patches[-1])
    assert volume.viewer.dims.current_step[0] == CENTERS[-1][0]


def test_dual_volumes_and_predictions_lie_on_the_volumes_axes(volume):
    from napari_synthseg.core.predictions import FoundObject, InstancePrediction

    volume.clicks.add(np.array(CENTERS, float))
    project = volume.session.project
    from napari_synthseg.synthesis import PasteRecipe

    recipe = PasteRecipe(volume_size=48, volume_planes=8)
    volume.session.edit(project.model_copy(update={"recipe": recipe}), "set recipe")
    pairs = volume.session.synthesize(2).result()
    volume.panel.layers.show_dual_images(pairs)
    volume.settle()
    image, labels = volume.panel.layers.preview.layers
    assert image.data.shape == labels.data.shape == (2, 8, 48, 48)
    assert tuple(labels.scale) == (1.0, *SCALE)
    found = InstancePrediction(
        image=project.images[0].id,
        run="r",
        ids=np.ones(SHAPE, np.int32),
        objects=(FoundObject(1, 1, 0.9, (1, 1, 1), ((0, 2),) * 3),),
        region_origin=(0, 0, 0),
    )
    layers = volume.panel.layers
    layers.outputs.show_prediction(found, "found", layers.image)
    volume.settle()
    shown = volume.viewer.layers["found"]
    assert np.allclose(shown.data_to_world((1, 2, 3)), volume.clicks.data_to_world((1, 2, 3)))


@pytest.mark.parametrize(("use", "ndim"), [("auto", 3), ("planes", 2), ("volume", 3)])
def test_the_first_page_offers_the_choice_and_says_what_it_means(bench, use, ndim):
    bench.viewer.add_image(draw_balls(), name="balls", scale=SCALE)
    start = bench.panel.start_page
    start.stacks.setCurrentIndex(start.stacks.findData(use))
    words = "a volume of 12 planes" if ndim == 3 else "a stack of 12 planes"
    assert words in start.here.text()
    start.next_step().action()
    bench.settle()
    assert bench.session.project.images[0].ndim == ndim
    assert bench.clicks.ndim == ndim


def test_the_labels_of_dual_images_follow_their_pair_whatever_the_channel(bench):
    from napari_synthseg.core.labels import DualImage, InstanceLabels

    ids = [np.full((8, 8), n, np.int32) for n in (1, 2)]
    pairs = [
        DualImage(np.zeros((5, 8, 8), np.float32), InstanceLabels(i, {}), n)
        for n, i in enumerate(ids)
    ]
    bench.panel.layers.show_dual_images(pairs)
    bench.settle()
    image, labels = bench.panel.layers.preview.layers
    assert labels.data.shape == image.data.shape
    assert np.array_equal(labels.data[1, 4], ids[1])


def test_clicks_show_through_the_planes_and_pixels_do_not(volume):
    volume.clicks.add(np.array(CENTERS[:1], float))
    image = volume.viewer.layers["balls"]
    for away, seen in ((0, 1), (2, 1), (5, 0)):
        volume.viewer.dims.set_current_step(0, CENTERS[0][0] + away)
        at = (CENTERS[0][0] + away, *CENTERS[0][1:])
        found = volume.clicks.get_value(volume.clicks.data_to_world(at), world=True)
        assert found == (0 if seen else None)
        shown = image.get_value(image.data_to_world(at), world=True)
        assert shown == image.data[at]
    volume.panel.layers.clicks.hide()
    assert max(volume.viewer.dims.margin_left) == 0


def test_flat_points_of_others_come_into_the_plane_that_is_shown(volume):
    layer = volume.viewer.add_points([(20.0, 18.0), (21.0, 48.0)], name="flat")
    volume.viewer.dims.set_current_step(0, 8)
    image = volume.panel.layers.image
    things = LayerThings.of(layer, image, image.refs[0], volume.panel.layers.point)
    table = things.on_plane()
    assert np.allclose(table.vertices, [(8, 20, 18), (8, 21, 48)])
    assert (table.axes, table.elsewhere) == ("zyx", 0)
