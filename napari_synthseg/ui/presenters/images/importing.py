"""What the panel asks before something is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.importing_files.looking import Importable

Use = Literal["truth", "instance", "semantic", "patch_masks", "clicks"]
"""What is made of what a file holds: "truth" is what it says itself, boxes or masks."""

USES: dict[Use, str] = {
    "truth": "Truth, as the file says: boxes or masks",
    "instance": "True masks of objects",
    "semantic": "True regions: a class for each pixel",
    "patch_masks": "Masks to cut patches by",
    "clicks": "Clicks, outlined anew",
}

OF_OBJECTS: frozenset[Use] = frozenset(("truth", "instance", "patch_masks", "clicks"))
"""What is made of single objects, which may be connected pieces of masks."""

USE_TIPS: dict[Use, str] = {
    "truth": "To score by, and to learn from where you choose real images",
    "instance": "To score by, and to learn from where you choose real images",
    "semantic": "Values are those of classes, or each outline is filled with its class",
    "patch_masks": "In place of the outlines that are found under clicks; objects without a click "
    "get one",
    "clicks": "A click in the middle of each box or outline",
}


@dataclass(frozen=True)
class Question:
    """What is asked about something that is imported.

    Attributes
    ----------
    uses
        What may be made of it; one entry, or none, where there is no choice.
    asks_class
        Whether objects may have no class in it.
    may_split
        Whether each connected piece may be an object.
    """

    uses: tuple[Use, ...]
    asks_class: bool
    may_split: bool

    @classmethod
    def of(cls, found: Importable) -> Question:
        """Return what must be asked about what was found."""
        if found.source != "annotations":
            return cls(("instance", "semantic", "patch_masks"), True, True)
        asks_class = "class_name" in found.options
        if found.title == "outlines":
            uses: tuple[Use, ...] = ("truth", "instance", "semantic", "patch_masks", "clicks")
            return cls(uses, asks_class, False)
        if "as_clicks" in found.options:
            return cls(("truth", "clicks"), asks_class, False)
        return cls((), asks_class, False)


def mask_kind(use: Use) -> MaskKind | None:
    """Return the kind of masks that a use stands for; None where it makes no masks of its own."""
    return None if use == "truth" or use == "clicks" else use


def found_text(found: Importable, title: str, image: str = "") -> str:
    """Return what was found, in words; `image` is the one that a label image goes to."""
    text = f"'{title}' holds {found.title}." if found.source == "annotations" else (
        f"'{title}' is {found.title}."
    )  # fmt: skip
    if found.source == "label images":
        text += " Each is matched with the image of its name."
    if found.source == "label image" and image:
        text += f" It is taken for the masks of '{image}'."
    if found.no_ids:
        text += (
            f" It {found.no_ids.replace('hold ', 'holds ', 1)}: each connected piece can be an "
            "object, or the values are classes."
        )
    return text
