"""Mistakes of a model, one by one: where each is, and what it is in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.predictions import FoundObject, FoundPoint
from napari_synthseg.core.project import Project
from napari_synthseg.metrics.measurements import pixel_size
from napari_synthseg.metrics.object_errors import ErrorKind, ObjectError
from napari_synthseg.workflow.found.judging import JudgedImage

KIND_TITLES: dict[ErrorKind, str] = {
    "missed": "missed",
    "false": "false",
    "merged": "several found as one",
    "split": "one found as several",
    "outline": "poor outlines",
    "class": "wrong classes",
}
"""Kind of a mistake -> what a list of them is called."""

MISTAKES_COUNTED = (
    ". That makes {} mistakes, as one may count several times: a poor outline or a wrong class as "
    "missed and as false, several found as one, or one found as several, for each of them"
)
"""Why there are not as many mistakes as missed and false objects."""

NUMBER_WORDS = {2: "two", 3: "three", 4: "four", 5: "five"}

LEAST_DIAMETER_PX = 8.0
"""Of what is brought into view: smaller places would show nothing around them."""


@dataclass(frozen=True)
class ErrorPlace:
    """One mistake.

    Attributes
    ----------
    kind
        What it is.
    image
        Id.
    center
        In the whole image, ([z,] y, x), pixels.
    diameter
        Of what takes part, pixels.
    words
        What it is, as "missed: a true nucleus of 24 px".
    """

    kind: ErrorKind
    image: str
    center: tuple[float, ...]
    diameter: float
    words: str


def list_errors(images: Sequence[JudgedImage], project: Project) -> list[ErrorPlace]:
    """Return all mistakes, image by image, from the top of each to its bottom."""
    places: list[ErrorPlace] = []
    refs = {ref.id: ref for ref in project.images}
    for one in images:
        if one.image in refs:
            mine = [_place(error, one, refs[one.image], project) for error in one.judged.errors]
            places += sorted(mine, key=lambda place: place.center)
    return places


def _place(error: ObjectError, one: JudgedImage, ref: ImageRef, project: Project) -> ErrorPlace:
    things = [one.true[t] for t in error.true] + [one.predicted[p] for p in error.predicted]
    centers = np.array([thing.center for thing in things])
    low, high = centers.min(axis=0)[-2:], centers.max(axis=0)[-2:]
    sizes = [one.sizes[t] for t in error.true] + [_size(one.predicted[p]) for p in error.predicted]
    diameter = max(LEAST_DIAMETER_PX, max(sizes, default=0.0) + float(np.max(high - low)))
    words = _words(error, one, ref, project)
    return ErrorPlace(error.kind, one.image, tuple(centers.mean(axis=0).tolist()), diameter, words)


def _size(thing: FoundPoint) -> float:
    if not isinstance(thing, FoundObject):
        return 0.0
    return float(max(stop - start for start, stop in thing.box[-2:]))


def _words(error: ObjectError, one: JudgedImage, ref: ImageRef, project: Project) -> str:
    names = project.class_names
    true = [names.get(one.true[t].cls, "object") for t in error.true]
    found = [names.get(one.predicted[p].cls, "object") for p in error.predicted]
    scores = [_score(one.predicted[p].score) for p in error.predicted]
    marked = "clicked" if one.truth == "clicks" else "true"
    several = NUMBER_WORDS.get(max(len(true), len(found)), str(max(len(true), len(found))))
    match error.kind:
        case "missed":
            size = _length(one.sizes[error.true[0]], ref)
            return f"missed: a {marked} {true[0]}{size}"
        case "false":
            return f"false: {found[0]}, score {scores[0]}"
        case "merged":
            what = true[0] if len(set(true)) == 1 else "object"
            return f"{several} true objects found as one ({what}, score {scores[0]})"
        case "split":
            return f"one true {true[0]} found as {several}"
        case "outline":
            return (
                f"poor outline: this {true[0]} was found, but overlaps the truth by "
                f"{error.overlap:.2f} only (IoU; it takes .50)"
            )
        case "class":
            return f"wrong class: a {marked} {true[0]} found as {found[0]}, score {scores[0]}"


def _score(score: float) -> str:
    return f"{score:.2f}".lstrip("0") if score < 1 else "1"


def _length(diameter: float, ref: ImageRef) -> str:
    """Return how large something is, in the unit of the image; nothing where it is not known."""
    if not diameter:
        return ""
    sizes, unit = pixel_size(ref)
    if unit == "px":
        return f" of {diameter:.0f} px"
    return f" of {diameter * min(sizes):.3g} {'µm' if unit == 'um' else unit}"


def describe_judged(images: Sequence[JudgedImage]) -> str:
    """Return how many objects were found, missed and false, with the score F1 that follows."""
    if not images:
        return ""
    found = sum(len(one.judged.found) for one in images)
    missed = sum(one.judged.missed for one in images)
    against = " and ".join(sorted({one.truth for one in images}))
    where = "this image" if len(images) == 1 else f"{len(images)} images"
    words = f"{found} found, {missed} missed"
    if not all(one.counts_false for one in images):
        return f"{words} ({against} of {where}; not all objects are marked, so none is false)"
    false = sum(one.judged.false for one in images)
    total = 2 * found + missed + false
    f1 = 2 * found / total if total else 1.0
    mistakes = sum(len(one.judged.errors) for one in images)
    told = MISTAKES_COUNTED.format(mistakes) if mistakes != missed + false else ""
    return f"{words}, {false} false: F1 {f1:.3f} ({against} of {where}){told}"


def found_places(images: Sequence[JudgedImage]) -> Iterator[tuple[str, tuple[float, ...], float]]:
    """Yield image, center and size of each object that was found."""
    for one in images:
        for _, predicted in one.judged.found.tolist():
            thing = one.predicted[predicted]
            yield one.image, thing.center, _size(thing)
