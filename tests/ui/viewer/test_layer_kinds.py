"""Layers of every kind: big ones on disk, several resolutions, sheared ones, and none at all."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
import zarr

from napari_synthseg.storage.images import open_pixels
from tests.ui.conftest import CENTERS, draw_discs

pytestmark = pytest.mark.gui


def levels():
    image = draw_discs()
    return [image, image[::2, ::2], image[::4, ::4]]


def on_disk(folder, name, pixels):
    stored = zarr.create_array(str(folder / name), shape=pixels.shape, dtype=pixels.dtype)
    stored[...] = pixels
    return stored


KINDS = {
    "resolutions in memory": lambda folder: levels(),
    "resolutions by dask": lambda folder: [dask.array.from_array(level) for level in levels()],
    "zarr": lambda folder: on_disk(folder, "one.zarr", draw_discs()),
    "resolutions in zarr": lambda folder: [
        on_disk(folder, f"{number}.zarr", level) for number, level in enumerate(levels())
    ],
    "movie by dask": lambda folder: dask.array.stack([dask.array.from_array(draw_discs())] * 3),
}
"""Kind of layer -> its data."""


def test_layers_on_disk_and_of_several_resolutions_are_used_at_the_finest(bench, tmp_path):
    for number, (kind, make) in enumerate(KINDS.items(), start=1):
        data = make(tmp_path)
        layer = bench.viewer.add_image(data, name=kind, multiscale=isinstance(data, list))
        bench.panel.files.use_layer(layer)
        bench.settle()
        assert len(bench.session.project.images) == number, kind
        ref = bench.session.project.images[-1]
        stored = open_pixels(ref, bench.session.folder)
        assert stored.shape == (1, *draw_discs().shape), kind
        pixels = stored.read()[0].astype(float)
        assert np.corrcoef(pixels.ravel(), draw_discs().ravel())[0, 1] > 0.999, kind
        bench.click(CENTERS[1])
        click = bench.session.project.clicks[-1]
        assert click.image == ref.id, kind
        assert np.allclose(click.position[-2:], CENTERS[1], atol=1.0), kind


PLACES: dict[str, dict[str, Any]] = {
    "units": {"scale": (0.5, 0.25), "units": ("um", "um")},
    "moved far": {"translate": (3000.0, -1200.0)},
    "turned": {"rotate": 33.0},
    "sheared": {"shear": [0.4]},
    "mirrored": {"scale": (1.0, -1.0)},
    "everything": {
        "scale": (2.0, 0.5), "rotate": -70.0, "shear": [-0.3], "translate": (10.0, 99.0),
        "affine": np.array([[0.9, -0.4, 7.0], [0.5, 1.1, -3.0], [0.0, 0.0, 1.0]]),
    },
}  # fmt: skip
"""Where a layer lies."""


def test_objects_are_cut_at_the_pixel_wherever_their_layer_lies(bench):
    for place, how in PLACES.items():
        layer = bench.viewer.add_image(draw_discs(), name=place, **how)
        bench.panel.files.use_layer(layer)
        bench.settle()
        bench.click(CENTERS[6])
        click = bench.session.project.clicks[-1]
        assert np.allclose(click.position, CENTERS[6], atol=1.0), place
        ref = bench.session.project.image(click.image)
        assert ref.unit == ("um" if place == "units" else "px"), place
        for ours in (bench.clicks, layer):
            assert np.allclose(ours.data_to_world((5, 9)), layer.data_to_world((5, 9))), place


def test_layers_that_are_renamed_reordered_and_swapped_stay_what_they_are(clicked):
    viewer, layers = clicked.viewer, clicked.panel.layers
    image, clicks = layers.image.layer, clicked.clicks
    image.name, clicks.name = "Clicks", "discs"  # each with the other's name
    viewer.layers.move_multiple([0], len(viewer.layers))
    viewer.layers.reverse()
    viewer.add_points(np.array([(1.0, 1.0)]), name="Clicks")
    clicked.panel.layers.activate_marking()
    clicked.click((40, 80))
    assert len(clicked.session.project.clicks) == len(CENTERS) + 1
    others = [layer for layer in viewer.layers if layer is not image]
    viewer.layers.remove(image)
    assert list(viewer.layers) == others  # napari removes several layers one after the other
    viewer.layers.select_all()
    viewer.layers.remove_selected()
    clicked.qtbot.wait(50)
    assert len(clicked.session.project.clicks) == len(CENTERS) + 1
    assert clicked.panel.click_page.hint().startswith("No image is shown")
    for step in range(4):
        clicked.panel.show_step(step)
        clicked.settle()
    clicked.panel.show_step(0)
    clicked.panel.click_page.show_clicks.click()
    clicked.settle()
    assert len(clicked.clicks.data) == len(CENTERS) + 1
