"""How it stands with the patches of each class: counts of good, doubtful and judged ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.patch import PatchLibrary, PatchState
from napari_synthseg.core.quality_issue import IssueKind


@dataclass(frozen=True)
class ClassHealth:
    """What is said about the patches of one class.

    Attributes
    ----------
    cls
        The class.
    states
        How many patches stand as good, suspicious, doubtful, accepted and rejected.
    findings
        How many patches have each kind of finding, the gravest kind first.
    """

    cls: ObjectClass
    states: Mapping[PatchState, int]
    issues: Mapping[IssueKind, int]

    @property
    def patches(self) -> int:
        """Number of patches."""
        return sum(self.states.values())

    @property
    def good(self) -> int:
        """Number of patches that are good, by the check or by the user's word."""
        return self.states["good"] + self.states["accepted"]


def summarize_health(
    library: PatchLibrary, classes: Sequence[ObjectClass]
) -> tuple[ClassHealth, ...]:
    """Count the patches of each class that has any, by state and by finding."""
    states = Counter((p.cls, library.state(p)) for p in library.patches)
    kinds = Counter((p.cls, f.kind) for p in library.patches for f in p.issues)
    there = {value for value, _ in states}
    return tuple(
        ClassHealth(
            cls,
            {state: states[cls.value, state] for state in get_args(PatchState)},
            sorted_by_gravity(
                {kind: n for (value, kind), n in kinds.items() if value == cls.value}
            ),
        )
        for cls in classes
        if cls.value in there
    )


def sorted_by_gravity(counts: Mapping[IssueKind, int]) -> dict[IssueKind, int]:
    """Return counts of findings with the gravest kind first, without those that do not occur."""
    return {kind: counts[kind] for kind in get_args(IssueKind) if counts.get(kind)}
