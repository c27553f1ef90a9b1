"""The loss curve stays as quick to draw as it was at first."""

from __future__ import annotations

import pytest

from napari_synthseg.ui.presenters.training.curves import CurvePoint

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
        curve.add(CurvePoint(s, float(s), s == 700) for s in range(start, start + 100))
    steps = [step for step, _, _ in curve.points]
    assert MAX_POINTS // 2 <= len(steps) <= MAX_POINTS
    assert steps == list(range(0, count, steps[1]))
    assert all(loss == step for step, loss, _ in curve.points)
    curve.show()
    curve.clear()
    assert not curve.points


@pytest.fixture
def plot(curve, qtbot):
    """The plot of two steps, once it is there."""
    curve.add([CurvePoint(1, 0.8), CurvePoint(2, 0.4)])
    curve.show()
    plot_type = pytest.importorskip("pyqtgraph").PlotWidget
    qtbot.waitUntil(lambda: curve.findChild(plot_type) is not None, timeout=60_000)
    return curve.findChild(plot_type)


def test_small_losses_are_written_as_they_are(plot):
    axis = plot.getAxis("left")
    assert axis.autoSIPrefixScale == 1.0
    assert "0.001" not in axis.labelString()


def test_there_is_no_half_step(plot):
    axis = plot.getAxis("bottom")
    assert {
        step % 1
        for low, high in ((0.9, 2.1), (1, 1), (0, 977))
        for spacing, places in axis.tickValues(low, high, 260)
        for step in places
    } == {0}
    assert axis.tickValues(0.9, 2.1, 260)[0][1] == [1, 2]


def test_the_smooth_line_follows_each_batch(curve):
    curve.add([CurvePoint(1, 1.0), CurvePoint(2, 0.0, True)])
    assert [round(smooth, 2) for _, _, smooth in curve.points] == [1.0, 0.93]


def test_what_is_held_out_is_not_smoothed_and_named_apart(curve):
    curve.show()
    curve.add(
        [
            CurvePoint(1, 1.0),
            CurvePoint(1, 4.0, curve="held out"),
            CurvePoint(9, 2.0, curve="held out"),
        ]
    )
    assert [smooth for _, _, smooth in curve.series["held out"].points] == [4.0, 2.0]
    assert "training" in curve.legend.text() and "held out" in curve.legend.text()
    curve.clear()
    assert not curve.legend.text()
