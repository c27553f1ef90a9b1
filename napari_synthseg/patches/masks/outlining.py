"""The outlines of an image's clicks, each class by its method."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import lies_in
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.masks.registry import NETWORK, mask_method
from napari_synthseg.patches.window import placed_bounds


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
        If a method is not installed, or returns what it must not.
    """
    chosen = {value: mask_method(methods.get(value, NETWORK.name)) for value in objects.diameters}
    found: dict[str, Sequence[Outline]] = {}
    different = {method.name: method for method in chosen.values()}
    for done, (name, method) in enumerate(different.items()):
        share = done / len(different), (done + 1) / len(different)
        found[name] = yield from subprogress(method.outline(objects), *share)
        _check(name, found[name], objects)
    return [
        FoundOutline(found[chosen[value].name][n], chosen[value].name)
        for n, value in enumerate(objects.classes.tolist())
    ]


def _check(name: str, outlines: Sequence[Outline], objects: ClickedObjects) -> None:
    """Refuse what a method must not return: it may come from another package."""
    if len(outlines) != len(objects):
        raise InputError(
            f"The mask method '{name}' returned {len(outlines)} outlines for {len(objects)} "
            "clicks: it must return one for each."
        )
    for number, outline in enumerate(outlines, start=1):
        if wrong := _find_wrong(outline, objects):
            raise InputError(
                f"The mask method '{name}' returned an outline for click {number} of "
                f"{len(objects)} that {wrong}."
            )


def _find_wrong(outline: Outline, objects: ClickedObjects) -> str:
    """Return what is wrong with an outline, in words; empty where nothing is."""
    region = objects.pixels.region
    mask, ndim = np.asarray(outline.mask), len(region)
    if mask.dtype != bool or mask.ndim != ndim or len(outline.origin) != ndim:
        return f"is no boolean mask of {ndim} axes with a place in the image"
    if not (np.isfinite(outline.confidence) and 0 <= outline.confidence <= 1):
        return f"has a confidence of {outline.confidence}, which must lie between 0 and 1"
    if mask.any():
        box = placed_bounds(mask, outline.origin)
        if not lies_in(box, region):
            return f"covers pixels at {box}, outside the image's region {region}"
    return ""
