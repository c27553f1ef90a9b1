"""The loss curve stays as quick to draw as it was at first."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def curve(qtbot):
    from napari_synthseg.ui.widgets.curve import LossCurve
    from napari_synthseg.ui.widgets.style import theme_colors

    curve = LossCurve(theme_colors("dark"))
    qtbot.addWidget(curve)
    return curve


def test_a_long_curve_keeps_its_shape_in_few_points(curve):
    from napari_synthseg.ui.widgets.curve import MAX_POINTS

    count = 10 * MAX_POINTS
    for start in range(0, count, 100):
        curve.add((step, float(step), step == 700) for step in range(start, start + 100))
    steps = [step for step, _, _ in curve.points]
    assert MAX_POINTS // 2 <= len(steps) <= MAX_POINTS
    assert steps == list(range(0, count, steps[1]))
    assert all(loss == step for step, loss, _ in curve.points)
    curve.show()
    curve.clear()
    assert not curve.points


def test_the_smooth_line_follows_each_batch(curve):
    curve.add([(1, 1.0, False), (2, 0.0, True)])
    assert [round(smooth, 2) for _, _, smooth in curve.points] == [1.0, 0.93]
