"""The measurements are run by hand: here only that each of them fits the program of today."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from unittest.mock import patch

import pytest

import benchmarks

MEASUREMENTS = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.ispkg]
LIBRARIES = [
    module.name
    for package in ("helpers", "study")
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
