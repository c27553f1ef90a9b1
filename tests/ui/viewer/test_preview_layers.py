"""Dual images of any kind of labels as the arrays of two layers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import BoxLabels, DualImage

pytestmark = pytest.mark.gui


def test_pairs_with_boxes_can_be_stacked():
    from napari_synthseg.ui.viewer.preview_layers import stack_pairs

    boxes = BoxLabels(Boxes.of([(0, 0, 2, 3)]), (4, 5))
    stack = stack_pairs([DualImage(np.zeros((1, 4, 5), np.float32), boxes, 0)])
    assert stack.ids.shape == stack.pixels.shape == (1, 4, 5)
    assert np.array_equal(np.argwhere(stack.ids[0]).max(axis=0), (1, 2))
