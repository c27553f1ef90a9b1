"""Proposals after a training: what a model finds where nothing was clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_synthseg.core.annotations import new_id
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    Prediction,
)
from napari_synthseg.networks.click_dividing import rivals
from napari_synthseg.patches.neighbors import Neighbors
from napari_synthseg.patches.suggesting.suggestion import (
    MOST_OVERLAP,
    Suggestion,
    overlap,
    shared,
)
from napari_synthseg.patches.window import inner_point

LEAST_SCORE_SHARE = 0.3
"""Boxes that score less than this share of the least reported one are not proposed."""

AGREEMENT = 0.5
"""Overlap (IoU) from which on a model and the clicks propose the same object."""

ONE_ALONE = 0.5
"""What the confidence is multiplied by where either of them proposes an object and not the other:
such objects are unsure, whatever each says of them."""


def classes_found(prediction: Prediction) -> set[int]:
    """Return the values of the classes of which `suggest_by_model` may propose objects."""
    match prediction:
        case InstancePrediction():
            return {found.cls for found in prediction.objects}
        case BoxPrediction():
            return {found.cls for found in (*prediction.objects, *prediction.candidates)}
    return set()


def suggest_by_model(prediction: Prediction, diameters: Mapping[int, float]) -> list[Suggestion]:
    """Return the objects that a model finds on an image.

    Objects are proposed with their pixels, boxes as filled boxes, also those that score too low to
    be reported. Predictions without objects propose nothing.

    Parameters
    ----------
    prediction
        Of the image.
    diameters
        Class value -> usual diameter, pixels along the finest axis; objects of other classes are
        left out.
    """
    match prediction:
        case InstancePrediction():
            return [one for one in _objects(prediction) if one.cls in diameters]
        case BoxPrediction():
            return _boxes(prediction, diameters)
    return []


def _objects(prediction: InstancePrediction) -> list[Suggestion]:
    known = {found.id: found for found in prediction.objects}
    boxes = ndimage.find_objects(prediction.ids)
    suggestions = []
    for number, box in enumerate(boxes, start=1):
        if box is None or number not in known:
            continue
        origin = tuple(int(s.start) + o for s, o in zip(box, prediction.region_origin, strict=True))
        found = known[number]
        outline = Outline(prediction.ids[box] == number, origin, found.score)
        score = float(np.clip(found.score, 0, 1))
        place = inner_point(outline)
        suggestions.append(
            Suggestion(new_id(), prediction.image, found.cls, place, outline, score, "model")
        )
    return suggestions


def _boxes(prediction: BoxPrediction, diameters: Mapping[int, float]) -> list[Suggestion]:
    least = LEAST_SCORE_SHARE * min((found.score for found in prediction.objects), default=0.0)
    more = sorted(prediction.candidates, key=lambda found: -found.score)
    reported = [found for found in prediction.objects if found.cls in diameters]
    every = reported + [f for f in more if f.cls in diameters and f.score >= least]
    if not every:
        return []
    beside = {value: rivals(value, diameters) for value in diameters}
    centers = cKDTree([found.center for found in every])
    kept: list[FoundObject] = []
    repeated: set[int] = set()
    for number, found in enumerate(every):
        if number >= len(reported) and number in repeated:
            continue
        kept.append(found)
        low, high = np.array(found.box).T
        near = centers.query_ball_point((low + high) / 2, (high - low).max() / 2, p=np.inf)
        repeated.update(
            n for n in near if every[n].cls in beside[found.cls] and _lies_in(every[n], found)
        )
    return [_box(prediction.image, found) for found in kept]


def _lies_in(found: FoundObject, other: FoundObject) -> bool:
    return all(a <= c < b for c, (a, b) in zip(found.center, other.box, strict=True))


def _box(image: str, found: FoundObject) -> Suggestion:
    low = [int(np.floor(a)) for a, _ in found.box]
    shape = [max(1, int(np.ceil(b)) - a) for a, (_, b) in zip(low, found.box, strict=True)]
    outline = Outline(np.ones(shape, bool), tuple(low), found.score)
    score = float(np.clip(found.score, 0, 1))
    place = tuple(found.center)
    return Suggestion(new_id(), image, found.cls, place, outline, score, "model", is_box=True)


def combine(
    by_model: Sequence[Suggestion], by_clicks: Sequence[Suggestion], diameters: Mapping[int, float]
) -> list[Suggestion]:
    """Join what a model finds with what the clicks propose; where they disagree, it is unsure.

    Where both propose an object, the outline is that of the model. Objects of classes of quite
    another size, as nuclei in cells, do not answer each other. `diameters` are those of all classes
    of the suggestions, as for `suggest_by_model`.
    """
    near = Neighbors([s.outline.window for s in by_clicks])
    beside = {value: rivals(value, diameters) for value in diameters}
    met: set[int] = set()
    joined = []
    for one in by_model:
        best, number = 0.0, -1
        for n in near.meeting(one.outline.window):
            other = by_clicks[n]
            if other.cls not in beside[one.cls]:
                continue
            if shared(one.outline, other.outline) > MOST_OVERLAP:
                met.add(n)
            if (common := overlap(one.outline, other.outline)) > best:
                best, number = common, n
        if best >= AGREEMENT and by_clicks[number].cls == one.cls:
            confidence = (one.confidence + by_clicks[number].confidence) / 2
        else:
            confidence = ONE_ALONE * one.confidence
        joined.append(replace(one, confidence=confidence))
    missed = [s for n, s in enumerate(by_clicks) if n not in met]
    return joined + [replace(s, confidence=ONE_ALONE * s.confidence) for s in missed]
