"""The measurements are run by hand: here only that each of them fits the program of today."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest

import benchmarks
from benchmarks.helpers.drawn_cases import CASES, draw

MEASUREMENTS = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.ispkg]
LIBRARIES = [
    module.name
    for package in ("helpers", "peers", "study")
    for module in pkgutil.iter_modules([f"{benchmarks.__path__[0]}/{package}"], f"{package}.")
]


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Take back what measurements say to the libraries of this process, such as one thread."""
    with patch.dict(os.environ):
        yield


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurement_can_be_imported_and_run(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").main)


@pytest.mark.parametrize("name", LIBRARIES)
def test_module_can_be_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("name", CASES)
def test_drawn_objects_are_clicked_where_they_are_and_as_large_as_told(name: str) -> None:
    (image,) = draw(name, 3, 1)
    diameters: dict[int, list[float]] = {}
    for number, thing in enumerate(image.objects, start=1):
        visible = image.ids == number
        assert visible.any()
        assert not (visible & ~thing.mask).any()
        assert thing.mask[tuple(round(p) for p in thing.click)]
        diameters.setdefault(thing.cls, []).append(2 * np.sqrt(thing.mask.sum() / np.pi))
    assert sorted(diameters) == list(range(1, len(CASES[name].diameters) + 1))
    if name != "fibers":  # their diameter is not that of a disk
        shown = [np.median(diameters[cls]) for cls in sorted(diameters)]
        assert shown == pytest.approx(list(CASES[name].diameters.values()), rel=0.15)


def test_drawn_images_of_one_seed_are_alike_and_those_of_one_look_differ() -> None:
    first, second = draw("spots", 0, 2)
    again, _ = draw("spots", 0, 2)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (first.ids != second.ids).any()
