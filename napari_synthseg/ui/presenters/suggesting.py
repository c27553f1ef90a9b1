"""Suggestions in words and colors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.project import Project
from napari_synthseg.patches.suggesting.suggestion import Suggestion
from napari_synthseg.workflow.suggesting import Suggestions, find_example

UNSURE_COLOR, MIDDLE_COLOR, SURE_COLOR = "#ff7043", "#ffd54f", "#4dd0e1"
"""From unlikely to sure; told apart without seeing red or green, on dark and bright images."""

FEWEST_CLICKS = 3
"""Clicks from which on suggestions are worth asking for."""


def confidence_color(confidence: float) -> tuple[float, float, float, float]:
    """Return the color of a suggestion, red, green, blue and opacity, 0 to 1."""
    low, high = (UNSURE_COLOR, MIDDLE_COLOR) if confidence < 0.5 else (MIDDLE_COLOR, SURE_COLOR)
    share = min(max(2 * (confidence if confidence < 0.5 else confidence - 0.5), 0.0), 1.0)
    first, second = (bytes.fromhex(color[1:]) for color in (low, high))
    red, green, blue = ((a + share * (b - a)) / 255 for a, b in zip(first, second, strict=True))
    return red, green, blue, 1.0


def why_no_suggestions(project: Project, refs: Sequence[ImageRef], *, by_model: bool) -> str:
    """Return why nothing can be suggested on the image in view; '' where it can."""
    if not refs:
        return "Show an image first."
    if by_model:
        return ""
    if all(ref.ndim == 3 for ref in refs):
        return "Train a model first: before that, objects are suggested on flat images only."
    count = sum(len(project.clicks_on(ref)) for ref in refs)
    examples = (example for ref in refs if (example := find_example(project, ref)))
    if count == 0 and any(len(project.clicks_on(e)) >= FEWEST_CLICKS for e in examples):
        return ""
    if count < FEWEST_CLICKS:
        return f"Click {FEWEST_CLICKS - count} more objects on this image first."
    return ""


def describe_open(found: Sequence[Suggestions], left: Sequence[Suggestion], chosen: int) -> str:
    """Return how many suggestions are left, where `chosen` are selected together."""
    if not found:
        return ""
    total = sum(len(each.every) for each in found)
    if not total:
        return "Nothing more was found that looks like the clicked objects."
    more = sum(each.left_out for each in found)
    if not left:
        again = f" {more} more were found: suggest again." if more else ""
        return f"All {total} suggestions are answered.{again}"
    if chosen > 1:
        return f"{chosen} of {len(left)} suggestions are selected: an answer is for all of them."
    return f"{len(left)} of {total} suggestions are left" + (
        f", {more} more later." if more else "."
    )


def describe_current(one: Suggestion | None, names: Mapping[int, str]) -> str:
    """Return what the current suggestion is, and how sure."""
    if one is None:
        return ""
    by = "the model" if one.origin == "model" else "your clicks"
    return f"{names.get(one.cls, '')}: {one.confidence:.0%} sure, by {by}"


def edit_name(verb: str, count: int) -> str:
    """Name an answer for the undo button: "accept 3 suggestions"."""
    return f"{verb} suggestion" if count == 1 else f"{verb} {count} suggestions"
