"""Shapes that napari saves as a table: boxes stay boxes, and each outline holds its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Shapes
from napari_builtins.io import napari_write_shapes

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines import find_outline_format, read_outlines
from napari_synthseg.io.sniffing import SniffedFile

SHAPE = (60, 80)


def save(path, shapes, kinds, ndim=2):
    """Write a table as napari does."""
    layer = Shapes(shapes, shape_type=kinds, ndim=ndim)
    napari_write_shapes(str(path), layer.data, {"shape_type": layer.shape_type})
    return layer


def read(path):
    (image,) = read_outlines(path, lambda where, stem: SHAPE)
    return image


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shapes.csv"


def pixels(outline):
    mask, (top, left) = outline.area.draw(SHAPE)
    whole = np.zeros(SHAPE, bool)
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return whole


def test_an_upright_rectangle_is_one_box(path):
    save(path, [np.array([[10, 20], [30, 50]])], ["rectangle"])
    image = read(path)
    assert find_outline_format(SniffedFile(path)).name == "napari-shapes"
    (box,) = image.outlines
    assert image.name is None
    assert box.is_box
    assert box.area.bounds == (10.5, 20.5, 30.5, 50.5)  # pixel centers are at whole numbers there
    assert box.plane == {}


def test_turned_rectangles_polygons_and_ellipses_hold_the_pixels_that_napari_fills(path):
    turned = np.array([[10, 30], [30, 50], [20, 60], [0, 40]]) + 0.25
    polygon = np.array([[5, 5], [5, 15], [25, 15], [25, 5], [15, 10]]) + 0.25
    ellipse = np.array([[30.25, 10.25], [50.25, 40.25]])
    layer = save(path, [turned, polygon, ellipse], ["rectangle", "polygon", "ellipse"])
    outlines = read(path).outlines
    assert [o.is_box for o in outlines] == [False] * 3
    for outline, mask in zip(outlines, layer.to_masks(SHAPE), strict=True):
        mine = pixels(outline)
        assert np.count_nonzero(mine & mask) / np.count_nonzero(mine | mask) > 0.93
        rows, columns = np.nonzero(mine)
        theirs = np.argwhere(mask).mean(axis=0)
        assert np.allclose((rows.mean(), columns.mean()), theirs, atol=0.3)


def test_axes_before_y_and_x_are_the_plane(path):
    corners = np.array([[3, 10, 20], [3, 10, 50], [3, 30, 50], [3, 30, 20]])
    save(path, [corners], ["rectangle"], ndim=3)
    (box,) = read(path).outlines
    assert box.plane == {"slice": 3}
    save(path, [np.insert(corners, 0, 2, axis=1)], ["rectangle"], ndim=4)
    (box,) = read(path).outlines
    assert box.plane == {"t": 2, "z": 3}


def test_what_is_no_area_or_on_no_plane_is_counted(path):
    flat = np.array([[3, 10, 20], [3, 30, 50]])
    tilted = np.array([[1, 10, 20], [2, 30, 50], [2, 30, 20]])
    save(path, [flat, flat, tilted], ["line", "path", "polygon"], ndim=3)
    image = read(path)
    assert not image.outlines
    assert [each.what for each in image.left_out] == [
        "line(s) and path(s)", "line(s) and path(s)", "shape(s) that lie across planes",
    ]  # fmt: skip
    assert all(each.cls == "" for each in image.left_out)


def test_a_rectangle_without_its_corners_is_refused_by_its_row(path):
    path.write_text("index,shape-type,vertex-index,axis-0,axis-1\n0,rectangle,0,1,2\n")
    with pytest.raises(InputError, match=r"row 2: a rectangle has 4 corners, not 1"):
        read(path)
