"""What is said of a whole library: counts for each class, and notes with a remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from napari_synthseg.core.annotations import ObjectClass, how_to_resize
from napari_synthseg.core.patch import (
    ClickedImage,
    IssueKind,
    MeasuredDiameter,
    Patch,
    PatchLibrary,
    PatchState,
)
from napari_synthseg.patches.quality.size import MAX_DIAMETER_RATIO

GOOD_QUALITY = 0.5
"""Quality from which a patch counts as good."""

MAX_STRETCH = 1.02
"""Pixels are square up to this factor between their edges."""

UNBALANCED_RATIO = 10
"""Factor between the clicks of two classes from which it is reported."""

MOSTLY = 0.5
"""Share of a class's outlines that are of another size than was given, above which it is told."""

WRONG_SIZES: tuple[tuple[IssueKind, str, str], ...] = (
    ("too small", "smaller", "give a smaller one"),
    ("too large", "larger", "give a larger one: for long objects three times their width or more"),
)
"""Issue, what the outlines are then, and the remedy."""

MIN_IMAGES, DOMINANT_SHARE = 3, 0.8
"""Of so many images none should have more than this share of all clicks."""


@dataclass(frozen=True)
class ClassSummary:
    """What is said about the patches of one class.

    Attributes
    ----------
    cls
        The class.
    states
        How many patches stand as good, suspicious, doubtful, accepted and rejected.
    issues
        How many patches have each kind of issue, the gravest kind first.
    harmless
        Kinds of issues that do not keep a patch from being good.
    """

    cls: ObjectClass
    states: Mapping[PatchState, int]
    issues: Mapping[IssueKind, int]
    harmless: frozenset[IssueKind]

    @property
    def patches(self) -> int:
        """Number of patches."""
        return sum(self.states.values())

    @property
    def good(self) -> int:
        """Number of patches that are good, by the check or by the user's word."""
        return self.states["good"] + self.states["accepted"]


def summarize_classes(
    library: PatchLibrary, classes: Sequence[ObjectClass]
) -> tuple[ClassSummary, ...]:
    """Count the patches of each class that has any, by state and by issue."""
    states = Counter((p.cls, library.state(p)) for p in library.patches)
    kinds = Counter((p.cls, f.kind) for p in library.patches for f in p.issues)
    grave = {f.kind for p in library.patches for f in p.issues if f.severity != "note"}
    harmless = frozenset(kind for _, kind in kinds) - grave
    there = {value for value, _ in states}
    return tuple(
        ClassSummary(
            cls,
            {state: states[cls.value, state] for state in get_args(PatchState)},
            sorted_by_gravity(
                {kind: n for (value, kind), n in kinds.items() if value == cls.value}
            ),
            harmless,
        )
        for cls in classes
        if cls.value in there
    )


def sorted_by_gravity(counts: Mapping[IssueKind, int]) -> dict[IssueKind, int]:
    """Return counts of issues with the gravest kind first, without those that do not occur."""
    return {kind: counts[kind] for kind in get_args(IssueKind) if counts.get(kind)}


def describe_library(
    library: PatchLibrary,
    classes: Sequence[ObjectClass],
    given: Mapping[int, float],
    least_patches: int,
) -> tuple[str, ...]:
    """Return notes on the whole set, in words for the user.

    Rejected patches are left out; accepted ones are good, whatever their issues.

    Parameters
    ----------
    library
        The patches with their verdicts.
    classes
        Those of the patches.
    given
        Class value -> the diameter that the user gave, pixels.
    least_patches
        Fewer good patches of a class are reported.
    """
    kept = [p for p in library.patches if p.id not in library.rejected]
    good = Counter(p.cls for p in library.usable() if p.quality >= GOOD_QUALITY)
    unjudged = (p for p in kept if p.id not in library.accepted)
    kinds = Counter((p.cls, f.kind) for p in unjudged for f in p.issues)
    clicked = {p.cls for p in library.patches}
    notes: list[str] = []
    for item in classes:
        if item.value not in clicked:
            continue
        mine = [p for p in kept if p.cls == item.value]
        issues = {kind: n for (value, kind), n in kinds.items() if value == item.value}
        notes += _describe_class(item, mine, good[item.value], least_patches, issues)
        if not (measured := library.measured.get(item.value)):
            notes += _describe_unmeasured(item, len(mine), issues)
        elif mine:
            notes += _describe_size(item, given[item.value], measured)
    notes += _describe_balance(kept, classes)
    notes += _describe_pixels(library.images)
    return tuple(notes)


def _describe_class(
    cls: ObjectClass,
    patches: Sequence[Patch],
    good: int,
    least: int,
    issues: Mapping[IssueKind, int],
) -> Iterator[str]:
    name = cls.name
    empty = sum(not p.area for p in patches)
    if empty > 0.2 * len(patches):
        yield (
            f"Class '{name}': no object was found under {empty} of {len(patches)} clicks. "
            "Check that the clicks sit on the objects and that its diameter of "
            f"{_amount(cls.diameter, cls.unit)} fits {how_to_resize(cls.name)}."
        )
    if good < least:
        yield (
            f"Class '{name}' has {good} good patch{'' if good == 1 else 'es'}. "
            f"Click at least {least} clear objects."
        )
    unclear = issues.get("unsure outline", 0)
    if unclear >= 3 and unclear > 0.4 * len(patches):
        yield (
            f"Class '{name}': {unclear} of {len(patches)} outlines are unsure. Look through them "
            "in the gallery and reject wrong ones."
        )


def _describe_size(cls: ObjectClass, given: float, measured: MeasuredDiameter) -> Iterator[str]:
    """Say in the class's own unit where its diameter is far off; `given` is in pixels."""
    low, high = given / MAX_DIAMETER_RATIO, given * MAX_DIAMETER_RATIO
    if not low < measured.diameter < high:
        typed, usual, error = (
            _amount(length * cls.diameter / given, cls.unit)
            for length in (given, measured.diameter, measured.error)
        )
        size = usual.removesuffix(" px").replace(" ", "")
        yield (
            f"Class '{cls.name}' has a diameter of {typed}, but {measured.objects} sure outlines "
            f"measure {usual}, give or take {error}. Set the diameter to {usual} "
            f"{how_to_resize(cls.name, size)}."
        )


def _describe_unmeasured(
    cls: ObjectClass, patches: int, issues: Mapping[IssueKind, int]
) -> Iterator[str]:
    """Say where most outlines are of another size than was given, and have no usual one."""
    for kind, word, remedy in WRONG_SIZES:
        count = issues.get(kind, 0)
        if count > MOSTLY * patches:
            yield (
                f"Class '{cls.name}': {count} of {patches} outlines are much {word} than its "
                f"diameter of {_amount(cls.diameter, cls.unit)}. If they are right, {remedy} "
                f"{how_to_resize(cls.name)}."
            )


def _describe_pixels(images: Sequence[ClickedImage]) -> Iterator[str]:
    """Name one of the images whose pixels are not square."""
    sizes = [(i.ref, i.ref.pixel_size[-2:]) for i in images if i.ref.pixel_size]
    long = [(ref, size) for ref, size in sizes if max(size) > MAX_STRETCH * min(size)]
    if long:
        ref, (y, x) = long[0]
        others = f" and {len(long) - 1} more" if len(long) > 1 else ""
        yield (
            f"Pixels of '{ref.name or ref.id}'{others} are not square ({y:.3g} by {x:.3g} "
            f"{ref.unit} along y and x). Outlines and diameters allow for that; dual images and "
            "training turn objects as if they were, into shapes that they do not have. Resample "
            "such images to square pixels."
        )


def _amount(length: float, unit: str) -> str:
    return f"{length:.0f} px" if unit == "px" else f"{length:.3g} {unit}"


def _describe_balance(patches: Sequence[Patch], classes: Sequence[ObjectClass]) -> Iterator[str]:
    counts = {c.name: sum(p.cls == c.value for p in patches) for c in classes}
    clicked = {name: n for name, n in counts.items() if n}
    most, least = (f(clicked, key=lambda n: clicked[n], default="") for f in (max, min))
    if len(clicked) > 1 and clicked[most] > UNBALANCED_RATIO * clicked[least]:
        yield (
            f"Class '{most}' has {clicked[most]} clicks, '{least}' only {clicked[least]}: click "
            f"more of '{least}', or have it pasted more often (rare_boost of the recipe)."
        )
    images = Counter(p.image for p in patches)
    if len(images) >= MIN_IMAGES and max(images.values()) > DOMINANT_SHARE * len(patches):
        yield (
            f"One of {len(images)} images has {max(images.values())} of {len(patches)} clicks: "
            "click more on the others, or the model will know this one image best."
        )
