"""The outlines of an image's clicks, each class by its method."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from napari_synthseg.core.patch import Outline
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.registry import NETWORK, mask_method


@dataclass(frozen=True, eq=False)
class FoundOutline:
    """An outline, and the name of the method that found it."""

    outline: Outline
    method: str


def outline_objects(
    objects: ClickedObjects, methods: Mapping[int, str]
) -> Generator[Progress, None, list[FoundOutline]]:
    """Outline the object under every click; `methods` maps class value -> name of its method.

    Every method sees all clicks, so that it knows what lies beside the objects of its classes.

    Raises
    ------
    InputError
        If a method is not installed.
    """
    chosen = {value: mask_method(methods.get(value, NETWORK.name)) for value in objects.diameters}
    found: dict[str, Sequence[Outline]] = {}
    different = {method.name: method for method in chosen.values()}
    for done, (name, method) in enumerate(different.items()):
        share = done / len(different), (done + 1) / len(different)
        found[name] = yield from subprogress(method.outline(objects), *share)
    return [
        FoundOutline(found[chosen[value].name][n], chosen[value].name)
        for n, value in enumerate(objects.classes.tolist())
    ]
