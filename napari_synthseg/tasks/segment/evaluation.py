"""How good a model is on the held-out part, by clicks alone.

Two figures decide, neither of which needs a drawn mask: object F1 on synthetic pairs made from
held-out clicks, and, on the held-out real pixels, how well predicted objects and clicks agree one
to one. Where training was on true masks, the held-out masks take the place of the pairs.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage, InstanceLabels, instances_of
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.metrics.instance import match_instances
from napari_synthseg.tasks.segment.decoding import Decoded, decode
from napari_synthseg.tasks.segment.rule import SegmentRule
from napari_synthseg.training.trainable import Validation

Maps = tuple[FloatImage, FloatImage]
"""Softmax (1 + classes, [z,] y, x) and inner distance ([z,] y, x) of one field."""

PROMINENCES = (0.06, 0.1, 0.15)
FOREGROUNDS = (0.4, 0.5, 0.6)
F1_TOLERANCE = 0.005
CANDIDATE_SCORES = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def validate(
    pair_maps: Sequence[Maps],
    pairs: Sequence[DualImage],
    image_maps: Sequence[Maps],
    images: Sequence[ClickedImage],
    rule: SegmentRule,
    *,
    tune: bool = False,
) -> Generator[Progress, None, Validation]:
    """Measure a model by its outputs on the held-out part; yield at each field that is decoded.

    With `tune` the thresholds of the rule are chosen on the same part.
    """
    if not pairs and not images:
        return Validation.by_mean({}, rule)
    # one threshold after the other: all combinations would take three times as long
    tuned = [("prominence", PROMINENCES), ("foreground", FOREGROUNDS)] if tune else []
    count = 1 + sum(len(values) for _, values in tuned)
    done = 0

    def measure(candidate: DecodingRule) -> Generator[Progress, None, Validation]:
        nonlocal done
        assert isinstance(candidate, SegmentRule)
        scores = CANDIDATE_SCORES if tune else (candidate.minimum_score,)
        words = f"rule {done + 1} of {count}" if tune else None
        work = _measure(pair_maps, pairs, image_maps, images, candidate, scores)
        found = yield from subprogress(work, done / count, (done + 1) / count, words)
        done += 1
        return found

    best = yield from measure(rule)
    for name, values in tuned:
        for value in values:
            found = yield from measure((best.rule or rule).model_copy(update={name: value}))
            if (found.value or 0.0) > (best.value or 0.0) + 1e-4:
                best = found
    return best


def _measure(
    pair_maps: Sequence[Maps],
    pairs: Sequence[DualImage],
    image_maps: Sequence[Maps],
    images: Sequence[ClickedImage],
    rule: SegmentRule,
    scores: Sequence[float],
) -> Generator[Progress, None, Validation]:
    """Decode all fields by a rule; return the best of some smallest scores."""
    decoded: list[Decoded] = []
    fields = [*pair_maps, *image_maps]
    for number, maps in enumerate(fields):
        yield Progress(number / len(fields), f"image {number + 1} of {len(fields)}")
        decoded.append(decode(*maps, rule))
    on_pairs, on_images = decoded[: len(pairs)], decoded[len(pairs) :]
    measured: list[tuple[float, Validation]] = []
    for least in scores:
        yield Progress(1.0)
        values: dict[str, float] = {}
        if pairs:
            found = zip(on_pairs, pairs, strict=True)
            counts = [_mask_counts(_above(d, least), instances_of(p.labels)) for d, p in found]
            values["held-out pairs F1"] = _f1(counts)
        if images:
            seen = zip(on_images, images, strict=True)
            clicked = [_click_counts(_above(d, least), i) for d, i in seen]
            values["held-out clicks F1"] = _f1(clicked)
        candidate = rule.model_copy(update={"minimum_score": least})
        found_here = Validation.by_mean(values, candidate)
        measured.append((found_here.value or 0.0, found_here))
    # Of thresholds that do about equally well, the middle one is the safest on other images.
    top = max(value for value, _ in measured)
    good = [found for value, found in measured if value >= top - F1_TOLERANCE]
    return good[len(good) // 2]


def _above(decoded: Decoded, least: float) -> Decoded:
    """Return the objects whose score is at least `least`, with their ids unchanged."""
    keep = np.concatenate([[False], decoded.scores >= least])
    return replace(decoded, ids=np.where(keep[decoded.ids], decoded.ids, 0))


def _mask_counts(decoded: Decoded, truth: InstanceLabels) -> NDArray[np.float64]:
    """Return (matched, predicted, true), averaged over IoU 0.5 and 0.75, right class only."""
    predicted = np.count_nonzero(np.bincount(decoded.ids.ravel())[1:])
    matched = []
    for threshold in (0.5, 0.75):
        pairs = match_instances(truth.ids, decoded.ids, threshold)
        right = [truth.classes.get(t, 1) == decoded.classes[p - 1] for t, p in pairs]
        matched.append(sum(right))
    return np.array([np.mean(matched), predicted, truth.count], float)


def _click_counts(decoded: Decoded, image: ClickedImage) -> NDArray[np.float64]:
    """Return (matched, predicted, clicks): a match is an object with one click, of its class.

    On an image that is not fully clicked, objects without a click are not counted.
    """
    origin = [start for start, _ in image.pixels.region]
    hits: dict[int, list[int]] = {}
    for click in image.clicks:
        at = tuple(
            min(max(round(p) - o, 0), n - 1)
            for p, o, n in zip(click.position, origin, decoded.ids.shape, strict=True)
        )
        if decoded.ids[at]:
            hits.setdefault(int(decoded.ids[at]), []).append(click.cls)
    matched = sum(
        len(classes) == 1 and classes[0] == decoded.classes[instance - 1]
        for instance, classes in hits.items()
    )
    present = np.unique(decoded.ids)
    predicted = np.count_nonzero(present) if image.ref.exhaustive else len(hits)
    return np.array([matched, predicted, len(image.clicks)], float)


def _f1(counts: Sequence[NDArray[np.float64]]) -> float:
    matched, predicted, true = np.sum(counts, axis=0)
    return float(2 * matched / max(predicted + true, 1))
