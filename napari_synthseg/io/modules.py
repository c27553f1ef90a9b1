"""Finding the formats of a folder: a new one is a new file in it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def import_modules(package: str, path: Iterable[str]) -> list[ModuleType]:
    """Import all modules of a package, given by its name and its path; return them."""
    return [import_module(module.name) for module in iter_modules(path, f"{package}.")]
