"""Proposals after a training: what a model finds where nothing was clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from napari_synthseg.core.annotations import new_id
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    Prediction,
)
from napari_synthseg.patches.suggesting.suggestion import (
    Neighbors,
    Suggestion,
    inner_point,
    overlap,
)

LEAST_SCORE_SHARE = 0.3
"""Boxes that score less than this share of the least reported one are not proposed."""

AGREEMENT = 0.5
"""Overlap (IoU) from which on a model and the clicks propose the same object."""

ONE_ALONE = 0.5
"""What the confidence is multiplied by where either of them proposes an object and not the other:
such objects are unsure, whatever each says of them."""


def suggest_by_model(prediction: Prediction) -> list[Suggestion]:
    """Return the objects that a model finds on an image.

    Objects are proposed with their pixels, boxes as filled boxes, also those that score too low to
    be reported. Predictions without objects propose nothing.
    """
    match prediction:
        case InstancePrediction():
            return _objects(prediction)
        case BoxPrediction():
            return _boxes(prediction)
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


def _boxes(prediction: BoxPrediction) -> list[Suggestion]:
    reported = list(prediction.objects)
    least = LEAST_SCORE_SHARE * min((found.score for found in reported), default=0.0)
    more = sorted(prediction.candidates, key=lambda found: -found.score)
    kept = list(reported)
    for found in more:
        if found.score >= least and not any(_lies_in(found, other) for other in kept):
            kept.append(found)
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


def combine(by_model: Sequence[Suggestion], by_clicks: Sequence[Suggestion]) -> list[Suggestion]:
    """Join what a model finds with what the clicks propose; where they disagree, it is unsure.

    Where both propose an object, the outline is that of the model.
    """
    near = Neighbors([s.outline for s in by_clicks])
    met: set[int] = set()
    joined = []
    for one in by_model:
        best, number = 0.0, -1
        meeting = near.meeting(one.outline)
        met.update(n for n in meeting if overlap(one.outline, by_clicks[n].outline) > 0)
        for n in meeting:
            if (common := overlap(one.outline, by_clicks[n].outline)) > best:
                best, number = common, n
        if best >= AGREEMENT and by_clicks[number].cls == one.cls:
            confidence = (one.confidence + by_clicks[number].confidence) / 2
        else:
            confidence = ONE_ALONE * one.confidence
        joined.append(replace(one, confidence=confidence))
    missed = [s for n, s in enumerate(by_clicks) if n not in met]
    return joined + [replace(s, confidence=ONE_ALONE * s.confidence) for s in missed]
