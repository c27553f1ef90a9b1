"""What the first page says of a layer's axes, and what it offers instead."""

import pytest

from napari_synthseg.ui.presenters.layer_axes import (
    LayerAxes,
    axes_in_words,
    possible_axes,
    use_of_axes,
)

MOVIE = LayerAxes("tyx", (5, 128, 160))


def test_flat_images_have_no_choice_and_need_no_words():
    assert possible_axes((128, 160), rgb=False) == ("yx",)
    assert possible_axes((128, 160, 3), rgb=True) == ("yxc",)
    assert use_of_axes(LayerAxes("yx", (128, 160)), "auto", rgb=False, every_plane=False) == ""
    colors = LayerAxes("yxc", (128, 160, 3))
    assert use_of_axes(colors, "auto", rgb=True, every_plane=False) == ""


def test_what_a_leading_axis_may_be():
    assert set(possible_axes((5, 128, 160), rgb=False)) == {"tyx", "zyx", "cyx"}
    assert set(possible_axes((256, 256, 2), rgb=False)) == {"tyx", "zyx", "cyx", "yxc"}
    assert set(possible_axes((7, 128, 160, 3), rgb=True)) == {"tyxc", "zyxc"}
    assert axes_in_words("tcyx", (5, 1, 128, 160)) == "5 frames over time, 1 channel"


@pytest.mark.parametrize(
    ("axes", "every_plane", "words"),
    [
        (MOVIE, False, ": 5 frames over time; the shown one is used"),
        (MOVIE, True, ": 5 frames over time; 5 images"),
        (LayerAxes("cyx", (2, 9, 9)), False, ": 2 channels"),
        (LayerAxes("zyx", (12, 9, 9)), False, ": a volume of 12 planes"),
        (
            LayerAxes("tzyx", (3, 12, 9, 9)), False,
            ": 3 frames over time, a volume of 12 planes; the shown one is used",
        ),
        (
            LayerAxes("tzyx", (3, 4, 9, 9)), True,
            ": 3 frames over time, a stack of 4 planes; 12 images",
        ),
        (
            LayerAxes("zyx", (5, 9, 9), is_guess=True), False,
            ": a stack of 5 planes (a guess: nothing says what its axes are); "
            "the shown one is used",
        ),
    ],
)  # fmt: skip
def test_use(axes, every_plane, words):
    assert use_of_axes(axes, "auto", rgb=False, every_plane=every_plane) == words


def test_planes_far_apart_are_no_volume():
    stack = LayerAxes("zyx", (12, 9, 9), apart=11.0)
    assert (stack.planes("auto"), stack.planes("volume")) == ("z", "")
