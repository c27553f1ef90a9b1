"""Which patches the gallery shows, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

from napari_synthseg.core.patch import Patch, PatchLibrary, PatchState
from napari_synthseg.core.quality_issue import IssueKind
from napari_synthseg.patches.quality.summary import sorted_by_gravity

ALL = "all"

KINDS = get_args(IssueKind)


def _gravest(patch: Patch) -> int:
    return KINDS.index(patch.issues[0].kind) if patch.issues else len(KINDS)


ORDERS: dict[str, Callable[[Patch], Any]] = {
    "worst first": lambda p: (p.area > 0, p.quality),
    "best first": lambda p: -p.quality,
    "by finding": lambda p: (_gravest(p), p.quality),
    "largest first": lambda p: -p.area,
    "smallest first": lambda p: (not p.area, p.area),
    "brightest first": lambda p: (not p.area, -p.intensity),
    "darkest first": lambda p: (not p.area, p.intensity),
    "by class": lambda p: (p.cls, p.quality),
    "by image": lambda p: (p.image, p.quality),
}
"""What an order is called -> its key."""


def count_choices(library: PatchLibrary | None) -> dict[str, int]:
    """Return what can be shown and how many patches that is: all, a state, a kind of finding."""
    if library is None:
        return {ALL: 0}
    states = Counter(library.state(p) for p in library.patches)
    kinds = Counter(f.kind for p in library.patches for f in p.issues)
    there = {state: states[state] for state in get_args(PatchState) if states[state]}
    return {ALL: len(library.patches), **there, **sorted_by_gravity(kinds)}


def choose(library: PatchLibrary, choice: str, order: str) -> list[Patch]:
    """Return the patches of a choice (see `count_choices`) in an order (see `ORDERS`)."""
    if choice in get_args(PatchState):
        chosen = [p for p in library.patches if library.state(p) == choice]
    elif choice in KINDS:
        chosen = [p for p in library.patches if any(f.kind == choice for f in p.issues)]
    else:
        chosen = list(library.patches)
    return sorted(chosen, key=ORDERS[order])
