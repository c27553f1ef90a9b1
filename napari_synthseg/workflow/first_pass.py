"""How large objects are on an image, told by what a model finds on it at several scales.

A model is surest at the scale that it learned at: objects are scored highest there, come out as
large and as long as those that it learned from, and explain most of the image. The scales are tried
on the middle of the image. How these are weighed was chosen on tuning images: docs/explanation/
evidence-tables.md, "Which magnification is taken".
"""

from __future__ import annotations

import math
from collections.abc import Generator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.pixels import (
    PixelSource,
    WindowSource,
    counted_part,
    factors_of,
    scaled,
)
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.workflow.runs.live_view import middle_of

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor

MAGNIFICATIONS = (1.0, 0.5, 2.0, 0.25, 4.0)
"""What is tried first, the usual before the unusual; then those beside the best."""

BESIDE = 2**0.5
"""The ratio of those to the best: objects from 0.18 to 5.7 times as large are known again."""

WINDOW_PX = 640
"""Edge of what is looked at, as the network sees it: some hundreds of usual objects."""

MAGNIFICATION_SPREAD = 3.0
"""How far magnifications may lie apart, natural logarithm: the less usual one is, the more must
speak for it, as texture can look like a host of unsure objects."""

SIZE_SPREAD = 1.0
"""By how much the size of objects may differ from that of those learned from, natural logarithm:
what is found at a scale counts the less the more it does."""

LONG = 4.0
"""How many times longer than wide objects are whose length tells something: at a wrong scale such
fall apart. Shorter ones are now longer, now rounder on images of the same kind."""

LENGTH_SPREAD = 0.35
"""How far that may fall short of those learned from, natural logarithm."""

SURENESS_POWER = 3
"""How much more the mean score of objects counts than how many times larger they would be."""

COVER_POWER = 0.1
"""How much it counts which share of the image objects cover: one sure find in a field of a hundred
others tells less than these."""

BETTER = 1.1
"""By which factor another magnification must be better than 1, which most images have."""

LEAST_SURENESS = 0.5
"""Mean score below which what is found tells nothing: of texture, say, at any scale."""


def find_magnification(
    predictor: Predictor, ref: ImageRef, pixels: PixelSource
) -> Generator[Progress, None, float | None]:
    """Return how many times larger objects are on an image than on those learned from.

    None where what is found at the best of them is not sure, or nothing is found at all.

    Parameters
    ----------
    pixels
        The image as networks are shown it, but not resampled.
    """
    from napari_synthseg.tasks.predict import predict_image

    part = counted_part(ref, pixels)
    tried = set[tuple[float, ...]]()  # enlarging ends at a factor: none is tried twice
    values, sureness = dict[float, float](), dict[float, float]()
    usual = factors_of(predictor.rule.scale_for(ref, 1.0), ref.ndim)
    steps = iter(pairwise(np.linspace(0, 1, len(MAGNIFICATIONS) + 3).tolist()))

    def attempt(times: float) -> Generator[Progress, None, None]:
        start, stop = next(steps)
        factors = factors_of(predictor.rule.scale_for(ref, times), ref.ndim)
        if factors in tried:
            return
        tried.add(factors)
        if usual[-1] / factors[-1] > times:
            times = usual[-1] / factors[-1]  # enlarging has a limit
        window = WindowSource(part, middle_of(part.region, factors, WINDOW_PX))
        shown = scaled(window, factors)
        work = predict_image(predictor, shown, image=ref.id, run="", ref=ref)
        found = yield from subprogress(work, start, stop, f"trying magnification {times:.2g}")
        if isinstance(found, InstancePrediction) and found.objects:
            likely = _bell(math.log(times), MAGNIFICATION_SPREAD) * (BETTER if times == 1 else 1)
            sureness[times] = float(np.mean([thing.score for thing in found.objects]))
            values[times] = likely * sureness[times] ** SURENESS_POWER
            values[times] *= _likeness(found, factors, predictor)
            values[times] *= (np.count_nonzero(found.ids) / found.ids.size) ** COVER_POWER

    for times in MAGNIFICATIONS:
        yield from attempt(times)
    best = max(values, key=values.__getitem__, default=1.0)
    for times in (best / BESIDE, best * BESIDE):
        yield from attempt(times)
    if not values:
        return None
    best = max(values, key=values.__getitem__)
    return best if sureness[best] >= LEAST_SURENESS else None


def _likeness(found: InstancePrediction, factors: tuple[float, ...], predictor: Predictor) -> float:
    """Return 1 where objects are as large as those learned from, and no shorter, else less."""
    rule = predictor.rule
    if len(factors) > 2 or len(rule.class_values) > 1:
        return 1.0  # how large its objects are is known of no single class
    areas = np.bincount(found.ids.ravel())[1:] * math.prod(factors)
    diameter = float(np.median(2 * np.sqrt(areas[areas > 0] / np.pi)))
    likeness = _bell(math.log(diameter / rule.diameter), SIZE_SPREAD)
    if rule.elongation > LONG:
        # with it comes SciPy, which would double the time until the panel is open
        from napari_synthseg.patches.quality.outline_shape import Elongations

        lengths = Elongations()
        lengths.add(found.ids)
        shorter = rule.elongation / max(lengths.usual, LONG)
        likeness *= _bell(math.log(max(shorter, 1.0)), LENGTH_SPREAD)
    return likeness


def _bell(off: float, spread: float) -> float:
    return math.exp(-(off**2) / (2 * spread**2))
