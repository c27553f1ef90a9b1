"""Mask methods by name: the plug point for ways to outline the object under each click.

A method from elsewhere is an entry point of the group ``napari_synthseg.mask_methods``. Importing
this loads no scipy, so that panels and commands know the methods at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_synthseg.core.patch import Outline
from napari_synthseg.core.plugins import Registry
from napari_synthseg.core.progress import Progress

if TYPE_CHECKING:
    from napari_synthseg.patches.masks.clicked_objects import ClickedObjects

OutlineObjects = Callable[["ClickedObjects"], Generator[Progress, None, Sequence[Outline]]]


@dataclass(frozen=True)
class MaskMethod:
    """One way to outline objects.

    Attributes
    ----------
    name
        In projects and commands.
    title, hint
        What users read: a few words, and for which objects it is made.
    outline
        Yields progress and returns an outline a click, in the clicks' order.
    """

    name: str
    title: str
    hint: str
    outline: OutlineObjects


def _accept(entry: object) -> tuple[MaskMethod, str]:
    if not isinstance(entry, MaskMethod):
        raise TypeError("it is no MaskMethod")
    return entry, entry.name


MASK_METHODS: Registry[MaskMethod] = Registry("mask_methods", "mask method", _accept)
"""Every known method by name, in the order in which users see them."""


def register(method: MaskMethod) -> MaskMethod:
    """Make a method known under its name."""
    MASK_METHODS.add(method.name, method, method.outline.__module__)
    return method


def mask_method(name: str) -> MaskMethod:
    """Return the method of a name.

    Raises
    ------
    InputError
        If there is none; the message names those that there are.
    """
    return MASK_METHODS.lookup(name)


def _outline_by_network(objects: ClickedObjects) -> Generator[Progress, None, Sequence[Outline]]:
    from napari_synthseg.patches.masks.network import outline_by_network

    return outline_by_network(objects)


NETWORK = register(
    MaskMethod(
        "network",
        "Click network",
        "A small network that has seen objects of many kinds outlines the one under each click",
        _outline_by_network,
    )
)
