"""Step 1 in words: what to click or paint next, and how much is marked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.project import Project, by_image
from napari_synthseg.ui.presenters.steps import needs_no_dual_images
from napari_synthseg.workflow.choosing import (
    GOOD_START,
    count_training_clicks,
    training_regions,
)

MIN_CLICKS = 5
"""Clicks that the user is asked for before going on."""

NEGATIVE_COLORS = ("#ff2222", "#ffffff", "#00e5ff")
"""Colors of negative clicks: the first that no class looks like; seen on dark and on bright."""

LEAST_COLOR_DISTANCE = 60.0
"""Distance in RGB, of 255 each, from which on two colors are told apart."""


def clicking_hint(project: Project, refs: Sequence[ImageRef] = ()) -> str:
    """Return what to do next where objects are clicked; `refs` is the image in view."""
    count = count_training_clicks(project)
    if _only_for_scoring(refs):
        held = sum(len(project.clicks_on(ref)) for ref in refs)
        if count == 0:
            return "This image is only for scoring. Click objects on another one to learn from."
        if not held and any(truth.image == ref.id for truth in project.truths for ref in refs):
            return "Models are scored by what is known of this image: nothing to click here."
        return f"Clicked to score by: {held}. Click every object on this image."
    if count == 0 and needs_no_dual_images(project):
        return "Go on to step 4 to train on what is known of your images, or click on objects."
    if count == 0:
        return "Click on the center of a few objects in the image."
    if count < MIN_CLICKS:
        return f"Good. A few more, please: {MIN_CLICKS - count} at least."
    if count < GOOD_START * len(project.classes):
        return f"{count} clicks. A dozen of each class on an image is a good start."
    return f"{count} clicks, a good start. More help, most of all on other images."


def painting_hint(
    project: Project, refs: Sequence[ImageRef], shares: Mapping[int, float], rest_unknown: bool
) -> str:
    """Return what to do next where regions are painted.

    Parameters
    ----------
    refs
        The image in view.
    shares
        Class value -> painted share of its pixels; 0 is painted background.
    rest_unknown
        Whether what is not painted is unknown, rather than background.
    """
    if not shares:
        return "Choose a class, and paint some of its regions in the image."
    if _only_for_scoring(refs) and not training_regions(project):
        return "Good for scoring. Now paint an image to learn from."
    painted = f"{percent(sum(shares.values()))} is painted."
    if not rest_unknown:
        return f"{painted} The rest counts as background: paint all regions, or go on."
    if len(shares) < 2:
        return "Good. Now paint another class, or background: a model learns from contrasts."
    return f"{painted} Paint more, or go on to the next step."


def _only_for_scoring(refs: Sequence[ImageRef]) -> bool:
    return bool(refs) and all(ref.role == "test" for ref in refs)


def click_counts(project: Project, refs: Sequence[ImageRef] = ()) -> dict[int, str]:
    """Return class value -> number of clicks, of negative ones too.

    Counted are those on all images for training; where the image in view (`refs`) is for scoring
    only, those on it.
    """
    held = _only_for_scoring(refs)
    images = {ref.id for ref in (refs if held else project.images) if held or ref.role == "train"}
    counts = Counter[int]()
    for image, clicks in chain(
        by_image(project.clicks).items(), by_image(project.negatives).items()
    ):
        if image in images:
            counts.update(map(attrgetter("cls"), clicks))
    return {value: str(counts[value]) for value in project.click_names}


def negative_color(classes: Sequence[ObjectClass]) -> str:
    """Return the color of negative clicks, which is that of no class."""

    def least_distance(color: str) -> float:
        return min((math.dist(_rgb(color), _rgb(c.color)) for c in classes), default=math.inf)

    apart = (c for c in NEGATIVE_COLORS if least_distance(c) >= LEAST_COLOR_DISTANCE)
    return next(apart, max(NEGATIVE_COLORS, key=least_distance))


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


def percent(share: float) -> str:
    """Return a share in percent; a small one is not 0, and none is ''."""
    return "" if share == 0 else "<1%" if share < 0.01 else f"{share:.0%}"


def free_name(project: Project, name: str, suffix: str = "") -> str:
    """Return a name for a new class that no other has: `name` and the next free number."""
    names = {cls.name for cls in project.classes}
    if suffix:
        while name in names:
            name += suffix
        return name
    number = len(names) + 1
    while f"{name} {number}" in names:
        number += 1
    return f"{name} {number}"
