"""Layers that we add lie exactly on their image, whatever its transform."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.gui


def make_layer(shape=(20, 30), **transform):
    from napari.layers import Image

    return Image(np.zeros(shape), **transform)


TRANSFORMS = {
    "scale": {"scale": (0.5, 0.25), "translate": (3, 4)},
    "rotated": {"scale": (0.5, 0.25), "rotate": 30, "translate": (3, 4)},
    "sheared": {"scale": (2, 1), "shear": [0.3]},
    "affine": {"affine": np.array([[1, 0.2, 3], [0, 1, 4], [0, 0, 1]])},
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_cut_out_lies_on_the_pixels_it_was_cut_from(qapp, transform):
    from napari.layers import Labels

    from napari_synthseg.ui.viewer.placement import Placement

    image = make_layer(**transform)
    cut = Labels(np.zeros((5, 5), int), **Placement.of(image).at((6, 7)).kwargs())
    assert np.allclose(cut.data_to_world((2, 1)), image.data_to_world((8, 8)))


def test_only_the_last_two_axes_of_a_stack_count(qapp):
    from napari_synthseg.ui.viewer.placement import Placement

    stack = make_layer((4, 20, 30), scale=(9, 0.5, 0.25), translate=(1, 2, 3), units=("um",) * 3)
    placement = Placement.of(stack)
    assert placement.scale == (0.5, 0.25)
    assert placement.translate == (2, 3)
    assert placement.units == ("micrometer", "micrometer")
