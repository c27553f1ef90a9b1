"""Boxes as such: how much of them an image shows, and growing."""

import numpy as np
import pytest

from napari_synthseg.core.boxes import Boxes


def test_the_share_of_a_box_that_an_image_shows():
    boxes = Boxes.of([[0, 0, 4, 4], [-2, 0, 2, 4], [-2, -2, 2, 2], [8, 0, 12, 4], [20, 0, 22, 1]])
    assert boxes.share_in((10, 6)).tolist() == pytest.approx([1, 0.5, 0.25, 0.5, 0])
    assert len(Boxes.of([]).share_in((10, 6))) == 0


def test_boxes_grow_by_the_factor_of_their_class():
    boxes = Boxes.of([[10, 10, 20, 30], [0, 0, 4, 4]], [1, 2], [0.5, 0.7]).grown({1: 0.5, 3: 9.0})
    np.testing.assert_allclose(boxes.corners, [[12.5, 15.0, 17.5, 25.0], [0.0, 0.0, 4.0, 4.0]])
    assert boxes.scores.tolist() == [0.5, 0.7]
