"""Mended outlines hold exactly the pixels that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from napari_synthseg.core.annotations import Click, MendedOutline


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("shape", [(9, 13), (3, 9, 13)])
def test_pixels_are_kept(first: bool, shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.4
    mask.flat[0] = first
    origin = (5,) * (len(shape) - 2) + (-3, 7)
    made = MendedOutline.of(mask, origin)
    again = MendedOutline.model_validate_json(made.model_dump_json())
    assert again == made
    places = {tuple(p) for p in (np.argwhere(again.mask()) + again.origin).tolist()}
    assert places == {tuple(p) for p in (np.argwhere(mask) + origin).tolist()}
    inside, outside = np.argwhere(mask)[0] + origin, np.argwhere(~mask)[0] + origin
    assert made.covers(inside.tolist())
    assert not made.covers(outside.tolist())
    assert not made.covers([1000.0] * len(shape))


def test_the_box_is_that_of_the_pixels() -> None:
    mask = np.zeros((20, 20), bool)
    mask[4:7, 10:12] = True
    made = MendedOutline.of(mask, (100, 200))
    assert (made.origin, made.shape, made.runs) == ((104, 210), (3, 2), (0, 6))


@pytest.mark.parametrize(
    ("shape", "runs"), [((2, 3), (0, 5)), ((2, 3), (6,)), ((6,), (0, 6)), ((2, 0), (0,))]
)
def test_what_is_no_outline_is_refused(shape: tuple[int, ...], runs: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        MendedOutline(origin=(0, 0), shape=shape, runs=runs)


def test_it_goes_with_the_click_while_that_lies_on_it() -> None:
    mended = MendedOutline.of(np.ones((10, 10), bool), (0, 0))
    click = Click(image="i", position=(5.0, 5.0), cls=1, mended=mended)
    assert click.placed("i", (8.0, 2.0), 2).mended == mended
    assert click.placed("i", (12.0, 2.0), 1).mended is None
    assert click.placed("j", (5.0, 5.0), 1).mended is None
    assert click.placed("i", (5.0, 5.0), 0).mended is None
