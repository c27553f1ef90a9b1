"""Which lines are drawn around objects, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.patch import Outline
from napari_synthseg.ui.presenters.outlines import (
    describe_amount,
    describe_outline,
    drawn_edges,
    line_width_px,
)
from napari_synthseg.workflow.outlining.image_outliner import ClickOutline
from napari_synthseg.workflow.outlining.live_outlines import Outlines

RED, BLUE = "#ff0000", "#0000ff"


def outlined(confidence: float, cls: int = 1, *, given: bool = False, plane: int | None = None):
    rows, columns = np.indices((21, 21))
    mask = np.hypot(rows - 10, columns - 10) < 9
    click = Click(image="i", position=(50.0, 60.0), cls=cls)
    return ClickOutline(click, Outline(mask, (40, 50), confidence), plane, 18.0, given, False)


def test_lines_go_around_the_object_in_the_color_of_its_class() -> None:
    edges, colors = drawn_edges([outlined(0.9), outlined(0.8, 2)], {1: RED, 2: BLUE}, 2)
    away = np.hypot(*(edges[:, 0] - (50, 60)).T)
    assert np.abs(away - 9).max() < 1.5
    half = len(edges) // 2
    ends = edges[:half].sum(axis=1)
    np.testing.assert_allclose(ends, np.roll(edges[:half, 0], -1, axis=0), atol=1e-4)
    assert colors[0, :3].tolist() == [1, 0, 0]
    assert colors[-1, :3].tolist() == [0, 0, 1]
    assert colors[0, 3] > colors[-1, 3]


def test_unsure_lines_have_gaps_and_given_ones_have_none() -> None:
    sure, unsure = (len(drawn_edges([outlined(c)], {}, 2)[0]) for c in (0.9, 0.3))
    assert unsure == pytest.approx(sure / 2, abs=2)
    assert len(drawn_edges([outlined(0.3, given=True)], {}, 2)[0]) == sure


def test_in_volumes_lines_lie_in_the_plane_of_the_click() -> None:
    edges, _ = drawn_edges([outlined(0.9, plane=4)], {}, 3)
    assert edges.shape[1:] == (2, 3)
    assert set(edges[:, 0, 0].tolist()) == {4.0}
    assert not edges[:, 1, 0].any()


def test_nothing_to_draw_is_no_error() -> None:
    edges, colors = drawn_edges([], {}, 2)
    assert edges.shape == (0, 2, 2)
    assert colors.shape == (0, 4)


def test_lines_are_two_pixels_of_the_screen_unless_objects_are_small_on_it() -> None:
    assert line_width_px([20.0], 1.0) == pytest.approx(2.0)
    assert line_width_px([20.0], 10.0) == pytest.approx(20 / 24)
    assert line_width_px([20.0, 200.0], 0.01) == pytest.approx(4.0)


def test_words_tell_width_and_how_sure() -> None:
    ref = ImageRef(uri="a.tif", pixel_size=(0.5, 0.5), unit="um")
    assert describe_outline(outlined(0.9), ref) == "Outline: about 9 um (18 px) wide, 90% sure."
    assert "only 30% sure" in describe_outline(outlined(0.3), None)
    assert "yours" in describe_outline(outlined(1.0, given=True), None)
    assert describe_outline(None, None) == ""
    assert describe_amount(Outlines((outlined(0.9),), 7)).startswith("1 outlines nearest")
