"""The keys of the panel, in one table: they are bound by it, and it is what the user is shown.

To add a key, add a line here and bind it by its name; see `napari_synthseg.ui.control.keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Place = Literal[
    "window", "clicks", "outline", "suggestions", "regions", "drawing", "images", "patches"
]
"""Where a key works: in the whole window, in the list of images, in the gallery of patches, or on
the canvas while the Clicks or the Regions layer, or that in which an outline, a part or a scale bar
is drawn, is the selected one."""

PLACES: dict[Place, str] = {
    "window": "Everywhere in the window",
    "clicks": "On the image, while the Clicks layer is selected",
    "outline": "On the image, while an outline is painted",
    "suggestions": "On the image, while the Suggestions layer is selected",
    "regions": "On the image, while the Regions layer is selected",
    "drawing": "On the image, while a part or a scale bar is drawn",
    "images": "In the list of images",
    "patches": "In the gallery of patches",
}
"""Place -> its words for people, in the order in which places are shown."""


@dataclass(frozen=True)
class Shortcut:
    """Keys and what they do.

    Attributes
    ----------
    name
        By which the keys are bound; unique within a place.
    keys
        Each written in a way that napari and Qt read alike: ``Ctrl+Shift+Z``, ``Delete``, ``]``.
    what
        What they do, for people.
    of_napari
        Whether napari or Qt binds them, so that they are only shown here.
    """

    name: str
    keys: tuple[str, ...]
    what: str
    of_napari: bool = False

    @property
    def shown_keys(self) -> str:
        """The keys in short: "1-9", "Alt+1-5", or "R or Delete"."""
        held, first = self.keys[0][:-1], self.keys[0][-1]
        numbers = all(key[:-1] == held and key[-1].isdigit() for key in self.keys)
        if len(self.keys) > 2 and numbers:
            return f"{held}{first}-{self.keys[-1][-1]}"
        return " or ".join(self.keys)


CLASS_KEYS = tuple("123456789")
"""Keys that choose a class: of the first one, of the second one, and so on."""

STEP_KEYS = tuple(f"Alt+{number}" for number in range(1, 6))

NEXT_IMAGE = Shortcut("next_image", ("PageDown",), "Show the next image")
PREVIOUS_IMAGE = Shortcut("previous_image", ("PageUp",), "Show the image before")

UNDO, REDO = ("Ctrl+Z",), ("Ctrl+Shift+Z",)

SHORTCUTS: dict[Place, tuple[Shortcut, ...]] = {
    "window": (
        Shortcut("next", ("Ctrl+Return",), "Press the blue button"),
        Shortcut("step", STEP_KEYS, "Go to a step"),
        Shortcut("help", ("F1",), "Open the help for the step that is shown"),
        Shortcut("shortcuts", ("?",), "Show these keys"),
        Shortcut("undo", UNDO, "Undo the last edit, with the focus in the panel"),
        Shortcut("redo", REDO, "Do it again"),
    ),
    "clicks": (
        Shortcut("class", CLASS_KEYS, "Choose the class of the next click"),
        Shortcut("negative", ("0",), "Click what is not an object"),
        Shortcut("add", ("P",), "Click: each click adds a center", of_napari=True),
        Shortcut("select", ("S",), "Select and move clicks", of_napari=True),
        Shortcut("delete", ("Delete",), "Delete the selected clicks", of_napari=True),
        Shortcut("pan", ("Space",), "Hold to move the image", of_napari=True),
        Shortcut("outlines", ("O",), "Show or hide the outlines"),
        Shortcut("larger", ("]",), "Move the outline of the last or selected click outwards"),
        Shortcut("smaller", ("[",), "Move it inwards"),
        NEXT_IMAGE,
        PREVIOUS_IMAGE,
        Shortcut("undo", UNDO, "Undo the last edit"),
        Shortcut("redo", REDO, "Do it again"),
    ),
    "outline": (
        Shortcut("done", ("Enter",), "Take what is painted for the outline"),
        Shortcut("cancel", ("Escape",), "Leave the outline as it was"),
    ),
    "suggestions": (
        Shortcut("accept", ("A", "Enter"), "Accept the current suggestion, or all selected ones"),
        Shortcut("reject", ("R", "Backspace", "Delete"), "Reject it, or all selected ones"),
        Shortcut("next", ("N", "Right"), "Go to the next one"),
        Shortcut("back", ("B", "Left"), "Go to the one before"),
        Shortcut("select", ("S",), "Select: drag a rectangle around several", of_napari=True),
        Shortcut("pan", ("Space",), "Hold to move the image", of_napari=True),
        Shortcut("undo", UNDO, "Undo the last answer"),
        Shortcut("redo", REDO, "Give it again"),
    ),
    "regions": (
        Shortcut("class", CLASS_KEYS, "Paint this class"),
        Shortcut("ground", ("0",), "Paint background"),
        Shortcut("paint", ("P",), "Paint with the brush", of_napari=True),
        Shortcut("fill", ("F",), "Fill an area", of_napari=True),
        Shortcut("erase", ("E",), "Erase", of_napari=True),
        Shortcut("smaller", ("[",), "Make the brush smaller", of_napari=True),
        Shortcut("larger", ("]",), "Make the brush larger", of_napari=True),
        Shortcut("pan", ("Space",), "Hold to move the image", of_napari=True),
        NEXT_IMAGE,
        PREVIOUS_IMAGE,
        Shortcut("undo", UNDO, "Undo the last stroke"),
        Shortcut("redo", REDO, "Paint it again"),
    ),
    "drawing": (Shortcut("stop", ("Escape",), "Draw nothing"),),
    "images": (
        NEXT_IMAGE,
        PREVIOUS_IMAGE,
        Shortcut("rename", ("F2",), "Rename the image", of_napari=True),
        Shortcut("tick", ("Space",), "Tick: every object on it is clicked", of_napari=True),
    ),
    "patches": (
        Shortcut("reject", ("R", "Delete", "Backspace"), "Reject the selected patches"),
        Shortcut("accept", ("A",), "Accept the selected patches"),
        Shortcut("larger", ("]",), "Move the outline of the selected patch outwards"),
        Shortcut("smaller", ("[",), "Move it inwards"),
    ),
}
"""Place -> its keys."""


def own_shortcuts(place: Place) -> Iterator[Shortcut]:
    """Yield the keys of a place that this package binds."""
    return (shortcut for shortcut in SHORTCUTS[place] if not shortcut.of_napari)


def find_shortcut(place: Place, name: str) -> Shortcut:
    """Return the keys of this name.

    Raises
    ------
    KeyError
        If the table has none that this package binds.
    """
    found = next((each for each in own_shortcuts(place) if each.name == name), None)
    if found is None:
        raise KeyError(f"no shortcut '{name}' of {place}: add it to the table")
    return found
