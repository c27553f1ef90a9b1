"""Patches are sorted by numpy as Python would sort them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.ui.presenters.patch_choice import ALL, ORDERS, arrange, choose


def library(count: int) -> PatchLibrary:
    rng = np.random.default_rng(0)
    patches = []
    for number in range(count):
        mask = np.zeros((4, 4), bool)
        mask.flat[: int(rng.integers(0, 5))] = True
        patches.append(
            Patch(
                id=f"p{number}",
                image=f"image {rng.integers(3)}",
                cls=int(rng.integers(1, 4)),
                pixels=np.zeros((1, 4, 4), np.float32),
                mask=mask,
                origin=(0, 0),
                center=(2, 2),
                quality=float(rng.integers(4)) / 4,
                intensity=float(rng.integers(4)),
            )
        )
    return PatchLibrary(tuple(patches), (), {1: 4.0, 2: 4.0, 3: 4.0})


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_is_that_of_its_key(order: str) -> None:
    made = library(60)
    assert choose(made, ALL, order) == sorted(made.patches, key=ORDERS[order])


def test_a_choice_that_is_gone_shows_all() -> None:
    made = library(5)
    assert len(arrange(made, "doubtful", "best first", ()).patches) == 5
    assert not arrange(None, ALL, "best first", ()).patches
