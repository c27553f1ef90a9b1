"""Outlines become a label image: the smaller on top, nothing lost without a word."""

from __future__ import annotations

import time

import numpy as np

from napari_synthseg.core.progress import Progress, exhaust
from napari_synthseg.io.outlines.areas import Area, MaskArea, PolygonArea, rectangle
from napari_synthseg.io.outlines.on_images.drawing import DrawnOutlines, draw_outlines, draw_planes


def draw(areas: list[Area], shape: tuple[int, int] = (20, 30)) -> DrawnOutlines:
    work = draw_outlines(areas, shape, "cells.tif")
    while True:
        try:
            assert isinstance(next(work), Progress)
        except StopIteration as end:
            drawn: DrawnOutlines = end.value
            return drawn


def test_ids_follow_the_order_and_the_smaller_is_on_top() -> None:
    small, large = rectangle((4, 4, 8, 8)), rectangle((2, 2, 12, 20))
    for areas in ([small, large], [large, small]):
        drawn = draw(list(areas))
        n = areas.index(small) + 1
        assert (drawn.ids[4:8, 4:8] == n).all() and (drawn.ids == n).sum() == 16
        assert (drawn.ids == 3 - n).sum() == 10 * 18 - 16
        assert (drawn.overlapped, drawn.lost) == (1, ())


def test_what_has_no_pixel_is_told() -> None:
    cover = MaskArea(np.ones((3, 3), bool), (0, 0))
    crumb = rectangle((10.1, 10.1, 10.4, 10.4))
    drawn = draw([cover, MaskArea(np.ones((3, 3), bool)), crumb, rectangle((9, 0, 10, 1))])
    assert drawn.lost == (1, 3) and drawn.overlapped == 1
    assert (drawn.ids[:3, :3] == 2).all()
    assert draw([]).ids.shape == (20, 30)


def test_many_outlines_are_drawn_in_time() -> None:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = 2.8 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    places = [np.array([y, x]) for y in range(5, 600, 6) for x in range(5, 600, 6)]
    areas: list[Area] = [PolygonArea(((ring + at,),)) for at in places]
    start = time.perf_counter()
    drawn = draw(areas, (600, 600))
    assert len(areas) == 10000 and drawn.lost == ()
    assert time.perf_counter() - start < 8  # generous: tests share the machine


def test_outlines_of_neighboring_planes_are_one_object() -> None:
    """Of one class, overlapping by half of the smaller, and on planes next to each other."""
    boxes = [  # plane, class, (ymin, xmin, ymax, xmax)
        (0, 1, (2, 2, 8, 8)), (1, 1, (3, 2, 9, 8)), (1, 1, (3, 8, 9, 14)), (2, 1, (4, 9, 8, 13)),
        (0, 2, (12, 2, 16, 8)), (1, 1, (12, 2, 16, 8)),
        (0, 1, (12, 12, 16, 16)), (2, 1, (12, 12, 16, 16)),
    ]  # fmt: skip
    areas = [rectangle(box) for _, _, box in boxes]
    planes, values = [p for p, _, _ in boxes], [v for _, v, _ in boxes]
    drawn = exhaust(draw_planes(areas, values, planes, (4, 20, 20), "a"))
    names = [int(drawn.ids[p, box[0] + 1, box[1] + 1]) for p, _, box in boxes]
    first, again, second, more, other, above, left, right = names
    assert first == again != second == more
    assert len({first, second, other, above, left, right}) == 6
    assert drawn.values == dict(zip(names, values, strict=True))
    assert np.count_nonzero(drawn.ids == first) == 36 + 36
    assert not drawn.ids[3].any()
    assert (drawn.overlapped, drawn.lost) == (0, 0)
