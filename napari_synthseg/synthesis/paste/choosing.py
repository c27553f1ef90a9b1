"""Which patches are pasted, and which objects come along in those that they lie in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_synthseg.core.geometry import region_at
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.patches.canvas_parts import PatchPlaces
from napari_synthseg.patches.nested import find_nested

MIN_PATCHES = 5
"""Of a class with fewer patches, ones of lower quality are used, too."""


@dataclass(frozen=True, eq=False)
class ChosenPatches:
    """What is pasted.

    Attributes
    ----------
    patches
        Those that are put down on their own.
    inner
        Place in `patches` -> the patches that lie in its object and come along, outermost first.
    nested
        Ids of the clicks on objects that come along with others, and do not count as objects of
        their own.
    notes
        What of the choice the user should know.
    """

    patches: tuple[Patch, ...]
    inner: Mapping[int, tuple[Patch, ...]]
    nested: frozenset[str]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes of what is put down on its own."""
        return tuple(sorted({p.cls for p in self.patches}))


def choose_patches(
    library: PatchLibrary, usable: Sequence[Patch], min_quality: float
) -> ChosenPatches:
    """Choose among usable patches of a library.

    An object in another one comes along with it, and is pasted on its own only where none of its
    class comes along.
    """
    nested = find_nested(usable)
    unknown = find_unknown_inside(library, usable)
    incomplete = frozenset(number for numbers in unknown.values() for number in numbers)
    good = _choose_good(usable, min_quality, incomplete)
    tops = [n for n in good if not any(outer in good for outer in _outers(nested, n))]
    families: dict[int, list[int]] = defaultdict(list)
    depths = {n: sum(1 for _ in _outers(nested, n)) for n in nested}
    for number in sorted(nested, key=lambda n: depths[n]):
        if pasted := [outer for outer in _outers(nested, number) if outer in good]:
            families[pasted[-1]].append(number)
    along = {usable[n].cls for top in tops if top not in nested for n in families[top]}
    tops = [n for n in tops if n not in nested or usable[n].cls not in along]
    counted_with_others = [usable[n].id for n in nested if usable[n].cls in along]
    counted_with_others += [p.id for p in unknown if p.cls in along]
    chosen = ChosenPatches(
        tuple(usable[n] for n in tops),
        {
            place: tuple(usable[n] for n in families[top])
            for place, top in enumerate(tops)
            if families[top]
        },
        frozenset(counted_with_others),
        tuple(_tell_incomplete(usable, incomplete, tops)),
    )
    more = (*_tell_without_inner(chosen), *_tell_cut_off(chosen))
    return replace(chosen, notes=(*chosen.notes, *more))


def find_unknown_inside(
    library: PatchLibrary, usable: Sequence[Patch]
) -> dict[Patch, tuple[int, ...]]:
    """Return the patches without a usable mask whose clicks lie in objects of larger classes.

    With each come the numbers of these objects. Where a usable patch of its own class shows the
    object, as where it was clicked twice, all is known.
    """
    places, known = PatchPlaces(usable), {p.id for p in library.usable()}
    found: dict[Patch, tuple[int, ...]] = {}
    for patch in library.patches:
        if patch.id in known:
            continue
        pixel = np.round(np.add(patch.origin, patch.center)).astype(int)
        around = [
            number
            for number in places.meeting(patch.image, region_at(pixel.tolist(), [1] * len(pixel)))
            if usable[number].mask[tuple(pixel - usable[number].origin)]
        ]
        if any(usable[number].cls == patch.cls for number in around):
            continue
        size = library.diameters[patch.cls]
        outer = tuple(n for n in around if library.diameters[usable[n].cls] > size)
        if outer:
            found[patch] = outer
    return found


def _outers(nested: Mapping[int, int], number: int) -> Iterator[int]:
    """Go through what an object lies in, from the innermost outwards."""
    while (outer := nested.get(number)) is not None:
        yield outer
        number = outer


def _choose_good(
    usable: Sequence[Patch], min_quality: float, incomplete: Collection[int]
) -> dict[int, None]:
    """Return the numbers of good patches that lie whole in their image and of which all is known.

    Where a class has too few of these, ones cut off by the border and then those of lower quality
    join in, best first, and `incomplete` ones at last.
    """
    by_class: dict[int, list[int]] = {}
    for number, patch in enumerate(usable):
        by_class.setdefault(patch.cls, []).append(number)
    chosen: dict[int, None] = {}
    for _, mine in sorted(by_class.items()):
        good = [
            n
            for n in mine
            if usable[n].quality >= min_quality
            and not usable[n].touches_border
            and n not in incomplete
        ]
        # In a volume few objects lie whole: up to half of them are cut off, and better than none.
        is_volume = usable[mine[0]].mask.ndim == 3
        least = max(MIN_PATCHES, len(mine) // 2) if is_volume else MIN_PATCHES
        if len(good) < least:
            rank = sorted(
                (n for n in mine if n not in good),
                key=lambda n: (
                    n in incomplete,
                    usable[n].quality < min_quality,
                    -usable[n].quality,
                ),
            )
            good += rank[: least - len(good)]
        chosen |= dict.fromkeys(good)
    return chosen


def _tell_incomplete(
    usable: Sequence[Patch], incomplete: Collection[int], tops: Sequence[int]
) -> Iterator[str]:
    """Say which patches hold an object that is not known, class by class."""
    every = Counter(p.cls for p in usable)
    found = Counter(usable[n].cls for n in incomplete)
    pasted = Counter(usable[n].cls for n in tops if n in incomplete)
    for value in sorted(found):
        but = (
            f", but for {pasted[value]}, as there are too few others: what lies in those is taught "
            f"as class {value}"
            if pasted[value]
            else ""
        )
        yield (
            f"{found[value]} of {every[value]} patches of class {value} are not pasted, because an "
            f"object that was clicked in them has no mask or was rejected{but}. Outline these "
            "objects, or delete the clicks if there is none."
        )


def _tell_without_inner(chosen: ChosenPatches) -> Iterator[str]:
    """Say where some patches of a class hold a clicked object and others do not."""
    every = Counter(p.cls for p in chosen.patches)
    holding = Counter(chosen.patches[place].cls for place in chosen.inner)
    for value in sorted(holding):
        if holding[value] < every[value]:
            yield (
                f"{holding[value]} of the {every[value]} pasted patches of class {value} hold a "
                "clicked object of another class, the others none: if there is one in those, "
                f"click it, or it is taught as class {value}."
            )


def _tell_cut_off(chosen: ChosenPatches) -> Iterator[str]:
    """Say where objects are pasted that the border of their image cuts off."""
    every = Counter(p.cls for p in chosen.patches)
    cut = Counter(p.cls for p in chosen.patches if p.touches_border)
    for value in sorted(cut):
        yield (
            f"{cut[value]} of the {every[value]} pasted patches of class {value} are cut off by "
            "the border of their image, and look so anywhere on a dual image. Click more objects "
            "that lie whole."
        )
