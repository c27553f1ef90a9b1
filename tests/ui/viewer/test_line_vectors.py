"""Lines of layers that change often, also while they are hidden."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.ui.viewer.line_vectors import LineVectors, show_lines

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("counts", [(9, 3, 0, 5), (0, 4)])
def test_lines_of_a_hidden_layer_change_and_are_seen_once_it_is_shown(bench, counts):
    layer = bench.viewer.add_layer(LineVectors(ndim=2, vector_style="line"))
    layer.visible = False
    for count in counts:
        color = np.array([0.0, 1.0, count / 9, 1.0], np.float32)
        show_lines(layer, np.ones((count, 2, 2), np.float32), np.tile(color, (count, 1)))
    layer.visible = True
    bench.qtbot.wait(50)
    assert len(layer.data) == len(layer._view_data) == counts[-1]
    assert np.allclose(layer.edge_color, color)
