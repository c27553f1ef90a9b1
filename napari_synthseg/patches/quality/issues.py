"""What must be said about a set of patches as a whole, in words, with a remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.patches.settings import PatchSettings

WRONG_SIZE = 1.5
"""Factor between the class diameter and the objects' own from which it is reported."""

GOOD = 0.5
"""Quality from which a patch counts as good."""


UNBALANCED = 10
"""Factor between the clicks of two classes from which it is reported."""

MANY_IMAGES, DOMINANT = 3, 0.8
"""Of so many images one should not have more than this share of all clicks."""


def describe_issues(
    library: PatchLibrary, classes: Sequence[ObjectClass], settings: PatchSettings
) -> PatchLibrary:
    """Return the library with findings about the whole set in its notes."""
    notes: list[str] = []
    kept = [p for p in library.patches if p.id not in library.rejected]
    for item in classes:
        mine = [p for p in kept if p.cls == item.value]
        if mine:
            notes.extend(
                _class_findings(
                    item.name, mine, settings.least_patches, library.diameters[item.value]
                )
            )
    notes.extend(_balance_findings(kept, classes))
    notes.extend(_background_findings(library))
    return replace(library, notes=tuple(notes))


def _class_findings(name: str, patches: Sequence[Patch], least: int, diameter: float) -> list[str]:
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
    unclear = sum(f.kind == "faint" for p in patches for f in p.issues)
    if unclear >= 3 and unclear > 0.4 * len(patches):
        notes.append(
            f"Class '{name}': {unclear} of {len(patches)} patches are hard to tell from their "
            "surroundings. Look through them in the gallery and reject wrong masks."
        )
    return notes + _size_findings(name, patches, diameter)


def _size_findings(name: str, patches: Sequence[Patch], diameter: float) -> list[str]:
    areas = [p.area for p in patches if p.mask.any() and p.mask.ndim == 2]
    if not areas:
        return []
    measured = 2 * float(np.sqrt(np.median(areas) / np.pi))
    if 1 / WRONG_SIZE < measured / diameter < WRONG_SIZE:
        return []
    return [
        f"Class '{name}' has a diameter of {diameter:.0f} px, but its objects measure about "
        f"{measured:.0f} px across. Set the diameter to that."
    ]


def _balance_findings(patches: Sequence[Patch], classes: Sequence[ObjectClass]) -> list[str]:
    notes = []
    counts = {c.name: sum(p.cls == c.value for p in patches) for c in classes}
    clicked = {name: n for name, n in counts.items() if n}
    most, least = (f(clicked, key=lambda n: clicked[n], default="") for f in (max, min))
    if len(clicked) > 1 and clicked[most] > UNBALANCED * clicked[least]:
        notes.append(
            f"Class '{most}' has {clicked[most]} clicks, '{least}' only {clicked[least]}: click "
            f"more of '{least}', or raise the recipe's rare_boost."
        )
    images = Counter(p.image for p in patches)
    if len(images) >= MANY_IMAGES and max(images.values()) > DOMINANT * len(patches):
        notes.append(
            f"One of {len(images)} images has {max(images.values())} of {len(patches)} clicks: "
            "click more on the others, or the model will know this one image best."
        )
    return notes


def _background_findings(library: PatchLibrary) -> list[str]:
    notes = []
    crowded = [b.image for b in library.backgrounds if b.valid.mean() < 0.05]
    if crowded:
        notes.append(
            f"{len(crowded)} of {len(library.backgrounds)} images show almost no background. "
            "Add an image with empty space, or use blank canvases."
        )
    return notes
