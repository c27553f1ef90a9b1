"""What a reader must know before believing a score."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def warn_incomplete(
    false_on: Iterable[tuple[str, int]], incomplete: Collection[str]
) -> tuple[str, ...]:
    """Warn of false positives on images whose truth does not hold every object.

    Parameters
    ----------
    false_on
        Image name and number of false positives on it.
    incomplete
        Names of the images on which not every object is marked.
    """
    return tuple(
        f"Not every object on '{name}' is marked: {false} of the predictions there count as "
        "false, though some may be right. True precision and F1 may be higher."
        for name, false in false_on
        if false and name in incomplete
    )


def warn_incomplete_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Warn of classes of which not every object is marked, whatever the image."""
    return tuple(
        f"Not every object of class '{name}' is marked: it is left out of the values over all "
        "classes, and its own F1 counts right predictions as false. Its recall holds."
        for name in names
    )
