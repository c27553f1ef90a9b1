"""What the axes of an array stand for: their names, and one rule for those that nothing names."""

from __future__ import annotations

from collections.abc import Sequence

_WORDS = {
    "t": ("t", "time", "times", "timepoint", "timepoints", "frame", "frames"),
    "c": ("c", "ch", "channel", "channels"),
    "z": ("z", "depth", "slice", "slices", "plane", "planes"),
    "y": ("y", "row", "rows", "height"),
    "x": ("x", "column", "columns", "col", "width"),
}
_LETTERS = {word: letter for letter, words in _WORDS.items() for word in words}

STACK_AXES = "ztc"
"""What axes before y and x stand for that nothing names, innermost first."""

MAX_PIXEL_VALUES = 4
"""A last axis of up to so many values holds those of each pixel, as red, green, blue and alpha."""

MIN_EDGE_RATIO = 4
"""How many times longer than such an axis the two before it are, y and x, at least."""


def axis_letter(word: str) -> str:
    """Return the letter of "tczyx" that a name of an axis means, or ''."""
    return _LETTERS.get(word.strip().lower(), "")


def fill_axes(letters: Sequence[str], shape: Sequence[int]) -> str:
    """Return one letter for each axis of an array.

    Parameters
    ----------
    letters
        The letter of each axis, '' where nothing names it.
    shape
        The array's shape.

    Returns
    -------
    str
        With letters of "tczyx" as long as these last, "?" for further axes.
    """
    filled = list(letters)
    if len(filled) >= 3 and not any(filled):
        few = shape[-1] <= MAX_PIXEL_VALUES and MIN_EDGE_RATIO * shape[-1] <= min(shape[-3:-1])
        filled[-1] = "c" if few else ""
    free = [axis for axis in "xy" + STACK_AXES if axis not in filled]
    for axis in reversed(range(len(filled))):
        if not filled[axis]:
            filled[axis] = free.pop(0) if free else "?"
    return "".join(filled)


def axis_words(axis: str, count: int) -> str:
    """Return in words how many an array has along one of the axes t, z and c."""
    many = "" if count == 1 else "s"
    kinds = {"t": f"frame{many} over time", "z": f"plane{many} along z", "c": f"channel{many}"}
    return f"{count} {kinds[axis]}"
