"""What axes of arrays are taken for: by their names, else by one rule."""

import pytest

from napari_synthseg.io.images.axes import axis_letter, fill_axes


@pytest.mark.parametrize(
    ("word", "letter"),
    [("T", "t"), (" time ", "t"), ("Channel", "c"), ("depth", "z"), ("Y", "y"), ("x", "x"),
     ("axis -3", ""), ("", ""), ("lambda", "")],
)  # fmt: skip
def test_names_of_axes(word, letter):
    assert axis_letter(word) == letter


@pytest.mark.parametrize(
    ("named", "shape", "axes"),
    [
        (["", ""], (4, 900), "yx"),
        (["", "", ""], (5, 128, 160), "zyx"),  # not five channels: nothing says so
        (["", "", "", ""], (7, 5, 128, 160), "tzyx"),
        (["", "", "", "", ""], (2, 7, 5, 128, 160), "ctzyx"),
        (["t", "", ""], (5, 128, 160), "tyx"),
        (["c", "", "", ""], (2, 9, 128, 160), "czyx"),
        (["z", "", "", ""], (9, 2, 128, 160), "ztyx"),
        (["", "", ""], (256, 256, 2), "yxc"),  # gray and alpha, not 256 planes
        (["", "", "", ""], (7, 256, 256, 3), "zyxc"),
        (["", "", ""], (6, 3, 2), "zyx"),
        (["y", "x", "c"], (5, 6, 9), "yxc"),
        (["z", "y", "x"], (128, 128, 3), "zyx"),
        (["", "", "", "", "", ""], (2, 2, 2, 2, 9, 9), "?ctzyx"),
    ],
)
def test_axes_that_nothing_names(named, shape, axes):
    assert fill_axes(named, shape) == axes
