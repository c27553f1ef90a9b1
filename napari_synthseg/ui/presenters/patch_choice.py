"""Step 2 in words: which patches the gallery shows, in which order, and what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, get_args

import numpy as np

from napari_synthseg.core.annotations import ObjectClass, VerdictState
from napari_synthseg.core.patch import IssueKind, Patch, PatchLibrary, PatchState
from napari_synthseg.patches.quality.summary import sorted_by_gravity, summarize_classes
from napari_synthseg.ui.presenters.counting import counted
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.ui.presenters.thumbnail import Thumbnail

ALL = "all"

NO_CLASS_COLOR = "#ffb000"

KINDS = get_args(IssueKind)

STATE_WORDS: Mapping[PatchState, str] = {
    "good": "in use",
    "suspicious": "in use; please check",
    "doubtful": "the check suggests to reject it",
    "accepted": "accepted by you",
    "rejected": "rejected by you",
}

NOT_GOOD: tuple[PatchState, ...] = ("suspicious", "doubtful", "rejected")

BADGES: Mapping[PatchState, tuple[str, str]] = {
    "suspicious": ("!", "#c77700"),
    "doubtful": ("✕", "#c62828"),
    "accepted": ("✓", "#2e7d32"),
}
"""State -> sign and color of the badge in the corner."""


def _gravest(patch: Patch) -> int:
    return KINDS.index(patch.issues[0].kind) if patch.issues else len(KINDS)


ORDERS: dict[str, Callable[[Patch], Any]] = {
    "worst first": lambda p: (p.area > 0, p.quality),
    "best first": lambda p: -p.quality,
    "by issue": lambda p: (_gravest(p), p.quality),
    "largest first": lambda p: -p.area,
    "smallest first": lambda p: (not p.area, p.area),
    "brightest first": lambda p: (not p.area, -p.intensity),
    "darkest first": lambda p: (not p.area, p.intensity),
    "by class": lambda p: (p.cls, p.quality),
    "by image": lambda p: (p.image, p.quality),
}
"""What an order is called -> its key."""


def count_choices(library: PatchLibrary | None) -> dict[str, int]:
    """Return what can be shown and how many patches that is: all, a state, a kind of issue."""
    if library is None:
        return {ALL: 0}
    states = Counter(library.state(p) for p in library.patches)
    kinds = Counter(issue.kind for p in library.patches for issue in p.issues)
    there = {state: states[state] for state in get_args(PatchState) if states[state]}
    return {ALL: len(library.patches), **there, **sorted_by_gravity(kinds)}


def choose(library: PatchLibrary, choice: str, order: str) -> list[Patch]:
    """Return the patches of a choice (see `count_choices`) in an order (see `ORDERS`)."""
    if choice in get_args(PatchState):
        chosen = [p for p in library.patches if library.state(p) == choice]
    elif choice in KINDS:
        chosen = [p for p in library.patches if any(i.kind == choice for i in p.issues)]
    else:
        chosen = list(library.patches)
    return _in_order(chosen, ORDERS[order])


def _in_order(patches: Sequence[Patch], key: Callable[[Patch], Any]) -> list[Patch]:
    """Return patches sorted by a key; numpy lets other threads go on meanwhile."""
    keys = [key(p) for p in patches]
    if not keys:
        return []
    columns = list(zip(*keys, strict=True)) if isinstance(keys[0], tuple) else [keys]
    order = np.lexsort([np.array(column) for column in reversed(columns)])
    return [patches[n] for n in order.tolist()]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """What the page shows of a library.

    Attributes
    ----------
    counts
        See `count_choices`.
    lines
        See `summary_lines`.
    notes
        Those of the library.
    patches
        Those that are shown, in order.
    """

    counts: Mapping[str, int]
    lines: Sequence[str]
    notes: Sequence[str]
    patches: Sequence[Patch]


def arrange(
    library: PatchLibrary | None, choice: str, order: str, classes: Sequence[ObjectClass]
) -> Arrangement:
    """Work out what is shown; of 100,000 patches this takes most of a second."""
    counts = count_choices(library)
    if choice not in counts:
        choice = ALL
    patches = choose(library, choice, order) if library is not None else []
    notes = tuple(map(in_panel, library.notes)) if library is not None else ()
    return Arrangement(counts, summary_lines(library, classes), notes, patches)


def describe_library(counts: Mapping[str, int]) -> str:
    """Return how many patches there are and how many are good, from `count_choices`."""
    if not counts[ALL]:
        return "No patches yet."
    good = counts.get("good", 0) + counts.get("accepted", 0)
    others = (f"<b>{counts.get(state, 0)}</b> {state}" for state in NOT_GOOD)
    return f"{counted(counts[ALL], 'patch', 'patches')}: <b>{good}</b> good, {', '.join(others)}"


def summary_lines(library: PatchLibrary | None, classes: Sequence[ObjectClass]) -> list[str]:
    """Return a line of HTML for each class: its good patches, and a link to each kind of issue.

    Issues in spite of which a patch is good stand apart.
    """
    lines = []
    for item in summarize_classes(library, classes) if library is not None else ():
        links = {
            kind: f'<a href="{kind}">{count}&nbsp;{kind}</a>' for kind, count in item.issues.items()
        }
        grave = ", ".join(link for kind, link in links.items() if kind not in item.harmless)
        others = ", ".join(link for kind, link in links.items() if kind in item.harmless)
        square = f'<span style="color: {item.cls.color}">■</span>'
        counted = f"<b>{escape(item.cls.name)}</b>: {item.good} of {item.patches} good"
        said = (f"{square} {counted}", grave, f"no harm: {others}" if others else "")
        lines.append("; ".join(filter(None, said)))
    return lines


def describe_patch(patch: Patch, library: PatchLibrary) -> str:
    """Return what is known of one patch, in a few words."""
    state = STATE_WORDS[library.state(patch)] if patch.area else "not used"
    if not patch.issues:
        return f"Quality {patch.quality:.2f}, {state}. No issue found."
    first, *others = patch.issues
    also = f" Also {', '.join(issue.kind for issue in others)}." if others else ""
    return f"Quality {patch.quality:.2f}, {state}. {first.kind.capitalize()}: {first.reason}.{also}"


def draw_patch(
    patch: Patch,
    library: PatchLibrary,
    classes: Mapping[int, ObjectClass],
    images: Mapping[str, str],
) -> Thumbnail:
    """Return what the gallery shows of one patch; `images` maps ids to names."""
    state = library.state(patch)
    words = STATE_WORDS[state] if patch.area else "not used: no object found"
    cls = classes.get(patch.cls)
    names = (cls.name if cls else "", images.get(patch.image, ""))
    lines = [
        ", ".join(name for name in names if name),
        f"Quality {patch.quality:.2f}, {words}.",
        *(f"• {issue.kind}: {issue.reason}" for issue in patch.issues),
        "Double-click shows it in the image.",
    ]
    return Thumbnail(
        patch.pixels,
        patch.mask,
        cls.color if cls else NO_CLASS_COLOR,
        patch.quality,
        "\n".join(lines),
        BADGES.get(state, ("", "")),
        is_faded=state == "rejected" or not patch.area,
        is_crossed_out=state == "rejected",
    )


def verdict_reason(patch: Patch, state: VerdictState) -> str:
    """Return the reason that is kept with a user's verdict."""
    kinds = ", ".join(issue.kind for issue in patch.issues if issue.severity != "note")
    if state == "accepted":
        return f"in spite of: {kinds}" if kinds else ""
    return kinds or "by eye"
