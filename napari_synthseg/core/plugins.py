"""Registries: what there may be several of, by name, from this package and from plugins.

Any distribution may add a task, a recipe, a network, a mask method, a box format or a format of
outlines. It declares an entry point in the group ``napari_synthseg.tasks``, ``.recipes``,
``.networks``, ``.mask_methods``, ``.box_formats`` or ``.outline_formats``; the entry point's name
is the name of what it adds. Entry points are loaded once, when their registry is first looked into.
One that cannot be loaded, or has a name that is taken, is left out; one sentence says so, and the
program goes on.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from napari_synthseg.core.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

PACKAGE = "napari_synthseg"

_registries: list[Registry[Any]] = []
_problems: list[str] = []
_loading = threading.RLock()  # reentrant, because a plugin may look things up while it is imported


class Registry(MutableMapping[str, T]):
    """Name -> entry, this package's own first.

    Parameters
    ----------
    kind
        End of the entry point group, such as "box_formats".
    noun
        What an entry is called in messages.
    accept
        Returns the entry that the object of an entry point stands for, and the name by which it
        calls itself (None: any). Raises TypeError, with what it must be, for another object.
    """

    def __init__(
        self, kind: str, noun: str, accept: Callable[[object], tuple[T, str | None]]
    ) -> None:
        self.group = f"{PACKAGE}.{kind}"
        self._noun, self._accept = noun, accept
        self._entries: dict[str, T] = {}
        self._owners: dict[str, str] = {}
        self._asked = False
        _registries.append(self)

    def add(self, name: str, entry: T, module: str = PACKAGE) -> None:
        """Add what a module defines; of two packages with one name, ours or the first keeps it."""
        owner = module.partition(".")[0]
        holder = self._owners.get(name, owner)
        if holder != owner:
            kept, left = (PACKAGE, holder) if owner == PACKAGE else (holder, owner)
            _tell(
                f"The {self._noun} '{name}' of the package '{left}' is ignored, because '{kept}' "
                "has one of that name."
            )
            if owner != PACKAGE:
                return
        self[name] = entry
        self._owners[name] = owner

    def __getitem__(self, name: str) -> T:
        self._ask_plugins()
        return self._entries[name]

    def lookup(self, name: str) -> T:
        """Return an entry.

        Raises
        ------
        InputError
            If there is none of that name; the message lists those there are.
        """
        if name not in self:
            raise InputError(
                f"The {self._noun} '{name}' is not installed: install the package that brings it, "
                f"or choose {', '.join(self)}."
            )
        return self[name]

    def __setitem__(self, name: str, entry: T) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]
        self._owners.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        self._ask_plugins()
        return iter(self._entries)

    def __len__(self) -> int:
        self._ask_plugins()
        return len(self._entries)

    def _ask_plugins(self) -> None:
        with _loading:
            if self._asked:
                return
            self._asked = True
            for point in _entry_points(tuple(sys.path)).select(group=self.group):
                try:
                    self._load(point)
                except Exception as error:  # noqa: BLE001 - whatever a plugin does, we go on
                    package = point.dist.name if point.dist else point.module
                    _tell(
                        f"The {self._noun} '{point.name}' of the package '{package}' cannot be "
                        f"used ({type(error).__name__}: {error}): update or remove that package."
                    )

    def _load(self, point: EntryPoint) -> None:
        entry, name = self._accept(point.load())
        if name is not None and name != point.name:
            raise TypeError(f"it calls itself '{name}'")
        self.add(point.name, entry, point.module)

    def forget_plugins(self) -> None:
        """Remove what plugins added; the next lookup asks those that are installed then."""
        _entry_points.cache_clear()
        for name in [name for name, owner in self._owners.items() if owner != PACKAGE]:
            del self[name]
        self._asked = False


@lru_cache(maxsize=1)
def _entry_points(path: tuple[str, ...]) -> Any:
    """Return the entry points of all packages on a path; reading them takes a tenth of a second.

    Their type has another name in Python 3.11 than later; each can `select` a group.
    """
    from importlib.metadata import entry_points

    return entry_points()


def plugin_problems() -> tuple[str, ...]:
    """Return the plugins that were left out so far, a sentence each."""
    return tuple(_problems)


def forget_plugins() -> None:
    """Let every registry ask the plugins again, after some were installed or removed."""
    for registry in _registries:
        registry.forget_plugins()
    _problems.clear()


def _tell(problem: str) -> None:
    if problem not in _problems:
        _problems.append(problem)
        logging.getLogger(PACKAGE).warning(problem)
