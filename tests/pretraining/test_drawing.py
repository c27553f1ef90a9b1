import numpy as np
import pytest

from pretraining.looks import Look
from pretraining.micrograph import KINDS, draw_micrograph
from pretraining.scene import Scene
from pretraining.shapes import choose_style, draw_curve, draw_shape, shape_along


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_micrograph_follows_from_its_seed(kind: str) -> None:
    first, again = draw_micrograph(7, kind), draw_micrograph(7, kind)
    assert np.array_equal(first.pixels, again.pixels)
    assert [o.visible_area() for o in first.objects] == [o.visible_area() for o in again.objects]
    assert first.pixels.dtype == np.float32
    assert np.isfinite(first.pixels).all()
    assert not np.array_equal(first.pixels, draw_micrograph(8, kind).pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_objects_lie_in_the_image(kind: str) -> None:
    for seed in range(3):
        made = draw_micrograph(seed, kind)
        assert made.objects
        for drawn in made.objects:
            assert drawn.row >= 0
            assert drawn.column >= 0
            bottom, right = np.add((drawn.row, drawn.column), drawn.mask.shape)
            assert bottom <= made.pixels.shape[1]
            assert right <= made.pixels.shape[2]


@pytest.mark.parametrize(
    "kind", ["ellipse", "polygon", "blob", "lobes", "star", "rod", "banana", "worm", "buds"]
)
def test_shapes_have_about_the_area_of_their_diameter(kind: str) -> None:
    rng = np.random.default_rng(0)
    areas = [
        np.count_nonzero(draw_shape(choose_style(rng, (kind,)), 30, rng).depth > 0)
        for _ in range(12)
    ]
    assert np.median(areas) == pytest.approx(np.pi * 15**2, rel=0.35)


def test_depth_of_a_fibre_is_the_distance_to_its_outline() -> None:
    line = np.stack([np.zeros(81), np.linspace(-20, 20, 81)], axis=1)
    fibre = shape_along(line, 3.0)
    middle = np.array(fibre.depth.shape) // 2
    assert fibre.depth[middle[0], middle[1]] == pytest.approx(3, abs=0.3)
    assert fibre.depth[middle[0] + 2, middle[1] + 5] == pytest.approx(1, abs=0.3)
    assert fibre.depth[middle[0] + 5, middle[1]] < 0


def test_curves_are_as_long_as_asked() -> None:
    points = draw_curve(60.0, 1.0, True, np.random.default_rng(1))
    assert np.hypot(*np.diff(points, axis=0).T).sum() == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize("opaque", [True, False])
def test_opaque_objects_hide_what_lies_under_them(opaque: bool) -> None:
    rng = np.random.default_rng(0)
    scene = Scene((64, 64))
    disk = draw_shape(choose_style(rng, ("ellipse",)), 20, rng)
    look = Look(opaque=opaque)
    under = scene.paint(disk, (32, 28), look, 20, rng, cls=1)
    area = under.visible_area()
    scene.paint(disk, (32, 36), look, 20, rng, cls=1)
    assert (under.visible_area() < area) is opaque


def test_the_inside_of_an_object_is_still_part_of_it() -> None:
    rng = np.random.default_rng(0)
    scene = Scene((64, 64))
    style = choose_style(rng, ("ellipse",))
    cell = scene.paint(draw_shape(style, 30, rng), (32, 32), Look(), 30, rng, cls=1)
    area = cell.visible_area()
    scene.paint(draw_shape(style, 12, rng), (32, 32), Look(), 12, rng, cls=2, inside=cell)
    assert cell.visible_area() == area
