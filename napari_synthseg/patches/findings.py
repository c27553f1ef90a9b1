"""What must be said about a set of patches as a whole, in words, with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.project import ObjectClass
from napari_synthseg.patches.settings import PatchSettings

GOOD = 0.5
"""Quality from which a patch counts as good."""


def describe_findings(
    library: PatchLibrary, classes: Sequence[ObjectClass], settings: PatchSettings
) -> PatchLibrary:
    """Return the library with findings about the whole set in its notes."""
    notes: list[str] = []
    kept = [p for p in library.patches if p.id not in library.rejected]
    for item in classes:
        mine = [p for p in kept if p.cls == item.value]
        if mine:
            notes.extend(_class_findings(item.name, mine, settings.least_patches))
    notes.extend(_background_findings(library))
    return replace(library, notes=tuple(notes))


def _class_findings(name: str, patches: Sequence[Patch], least: int) -> list[str]:
    notes = []
    empty = sum(not p.mask.any() for p in patches)
    good = sum(p.quality >= GOOD for p in patches)
    if empty > 0.2 * len(patches):
        notes.append(
            f"Class '{name}': no object was found under {empty} of {len(patches)} clicks. "
            "Check that its diameter fits and that the clicks sit on the objects."
        )
    if good < least:
        notes.append(
            f"Class '{name}' has {good} good patch{'' if good == 1 else 'es'}. "
            f"Click at least {least} clear objects."
        )
    for reason, remedy in _REMEDIES.items():
        count = sum(reason in p.reasons for p in patches)
        if count >= 3 and count > 0.4 * len(patches):
            notes.append(f"Class '{name}': {count} of {len(patches)} patches are {remedy}")
    return notes


_REMEDIES = {
    "much smaller than the class diameter": (
        "much smaller than the class diameter. Set a smaller diameter."
    ),
    "much larger than the class diameter": (
        "much larger than the class diameter. Set a larger diameter."
    ),
    "hardly stands out from its surroundings": (
        "hard to tell from their surroundings. Look through them in the gallery and reject "
        "wrong masks."
    ),
}


def _background_findings(library: PatchLibrary) -> list[str]:
    notes = []
    crowded = [b.image for b in library.backgrounds if b.valid.mean() < 0.05]
    if crowded:
        notes.append(
            f"{len(crowded)} of {len(library.backgrounds)} images show almost no background. "
            "Add an image with empty space, or use blank canvases."
        )
    return notes
