"""What cannot be scored, and what a reader must know before believing a score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from napari_synthseg.core.errors import InputError


def require_images(names: Sequence[str]) -> None:
    """Refuse to score no image.

    Raises
    ------
    InputError
        If there is none.
    """
    if not names:
        raise InputError("There is no image to score: give at least one with truth.")


def require_known_classes(
    where: str, values: Iterable[int], class_names: Mapping[int, str]
) -> None:
    """Refuse class values that have no name.

    Parameters
    ----------
    where
        What holds them, such as "Image 'a.tif'"; begins the message.
    values
        The class values that occur.
    class_names
        Class value -> name.

    Raises
    ------
    InputError
        If a class has no name.
    """
    if unknown := set(values) - class_names.keys():
        known = ", ".join(f"{value} ({name})" for value, name in class_names.items())
        raise InputError(
            f"{where} holds class {min(unknown)}, but the classes to score are {known}."
        )


def require_named(chosen: Iterable[str], class_names: Mapping[int, str]) -> None:
    """Refuse names of classes that are not scored.

    Raises
    ------
    InputError
        If there is one.
    """
    if unknown := set(chosen) - set(class_names.values()):
        known = ", ".join(class_names.values())
        raise InputError(f"Class '{min(unknown)}' is not among those to score: {known}.")


NO_CLASS_LEFT = "No class is left to score: the truth of each is said to be incomplete."
"""What is said where nothing can be counted over all classes."""


def warn_incomplete_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Warn of classes of which not every object is marked, whatever the image."""
    return tuple(
        f"Not every object of class '{name}' is marked: it is left out of the values over all "
        "classes, and its own F1 counts right predictions as false. Its recall holds."
        for name in names
    )
