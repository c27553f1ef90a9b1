"""How good a segmenting network is on the held-out part, and the rule that is best there."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import Region, divide_region, full_region, region_slices
from napari_synthseg.core.labels import DualImage, InstanceLabels, instances_of, where_known
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.metrics.instance import match_instances
from napari_synthseg.tasks.canvas import PlainCanvas
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.blocks import BlockDecoder, OutputMaps
from napari_synthseg.tasks.validation import HeldOutField, f1, sum_by_part
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import VALIDATION_BLOCK_PX

PROMINENCES = (0.06, 0.1, 0.15)
FOREGROUNDS = (0.4, 0.5, 0.6)
CANDIDATE_SCORES = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)

USUAL_SCORE = 0.35
"""The smallest score nearest to it is taken of those that do about equally well on the held-out
part: on images unlike these, lower ones let texture pass, and higher ones leave out objects."""

F1_TOLERANCE = 0.01
"""What does less better may do so by chance: the held-out part shows some tens of objects."""


def validate(
    maps: Sequence[OutputMaps],
    fields: Sequence[HeldOutField],
    rule: SegmentRule,
    *,
    tune: bool = False,
) -> Generator[Progress, None, Validation]:
    """Measure a model by its outputs on the held-out part; yield at each field that is decoded.

    With `tune` the thresholds of the rule are chosen on the same part.
    """
    if not fields:
        return Validation.by_mean({}, rule)
    if not tune:
        return (yield from _measure(maps, fields, rule, [rule.minimum_score]))
    # one threshold after the other: all combinations would take three times as long
    tried = [("prominence", value) for value in PROMINENCES]
    tried += [("foreground", value) for value in FOREGROUNDS]
    best = yield from subprogress(_measure(maps, fields, rule, CANDIDATE_SCORES), 0.0, 0.1)
    for number, (name, value) in enumerate(tried, start=1):
        candidate = (best.rule or rule).model_copy(update={name: value})
        assert isinstance(candidate, SegmentRule)
        work = _measure(maps, fields, candidate, CANDIDATE_SCORES)
        words = f"rule {number} of {len(tried)}"
        share = 0.1 + 0.9 * (number - 1) / len(tried)
        found = yield from subprogress(work, share, share + 0.9 / len(tried), words)
        if (found.value or 0.0) > (best.value or 0.0) + F1_TOLERANCE:
            best = found
    return best


def _measure(
    maps: Sequence[OutputMaps],
    fields: Sequence[HeldOutField],
    rule: SegmentRule,
    scores: Sequence[float],
) -> Generator[Progress, None, Validation]:
    """Decode all fields by a rule; return the best of some smallest scores."""
    matches: list[Matches] = []
    for number, (outputs, field) in enumerate(zip(maps, fields, strict=True)):
        share, words = number / len(maps), f"image {number + 1} of {len(maps)}"
        yield Progress(share, words)
        objects = yield from subprogress(_find(outputs, rule), share, share, words)
        matches.append(_match(objects, field.truth))
    measured: list[Validation] = []
    for least in scores:
        counts = [one.count(least) for one in matches]
        found = sum_by_part(fields, counts)
        values = {f"held-out {part} F1": float(f1(sums)) for part, sums in found.items()}
        candidate = rule.model_copy(update={"minimum_score": least})
        measured.append(Validation.by_mean(values, candidate))
    enough = max(found.value or 0.0 for found in measured) - F1_TOLERANCE
    well = [n for n, found in enumerate(measured) if (found.value or 0.0) >= enough]
    return measured[min(well, key=lambda n: abs(scores[n] - USUAL_SCORE))]


def _find(outputs: OutputMaps, rule: SegmentRule) -> Generator[Progress, None, InstancePrediction]:
    """Find the objects of a field in blocks, each of which takes less than half a second."""
    whole = full_region(outputs[1].shape)

    def read(window: Region) -> Generator[Progress, None, OutputMaps]:
        yield Progress(0.0)
        inside = region_slices(window)
        return outputs[0][(slice(None), *inside)], outputs[1][inside]

    canvas = PlainCanvas(ArraySource(outputs[0]))
    decoder = BlockDecoder(read, rule, whole, (1,) * len(whole), canvas)
    for block in divide_region(whole, (VALIDATION_BLOCK_PX,) * len(whole)):
        yield from decoder.decide(block)
    return (yield from canvas.finish())


@dataclass(frozen=True, eq=False)
class Matches:
    """The objects of a field that are right, at each of some IoUs, by the smallest score.

    Attributes
    ----------
    right
        For each IoU the scores of the objects that match one of their class.
    others
        Scores of all objects that count as found.
    true
        Number of objects that there are.
    """

    right: tuple[NDArray[np.float32], ...]
    others: NDArray[np.float32]
    true: int

    def count(self, least: float) -> NDArray[np.float64]:
        """Return (matched, predicted, true) of the objects whose score is at least `least`."""
        matched = np.mean([np.count_nonzero(scores >= least) for scores in self.right])
        return np.array([matched, np.count_nonzero(self.others >= least), self.true], float)


def _match(found: InstancePrediction, truth: DualImage | ClickedImage) -> Matches:
    if isinstance(truth, DualImage):
        return _match_masks(found, instances_of(truth.labels))
    return _match_clicks(found, truth)


def _match_masks(found: InstancePrediction, truth: InstanceLabels) -> Matches:
    """Match at IoU 0.5 and 0.75, where no object can match two; right class only.

    Of classes of which not every object is known, only what matches is counted.
    """
    classes, scores = _described(found)
    true, ids = where_known(truth.ids, found.ids)
    counted = np.bincount(ids.ravel(), minlength=len(scores) + 1)[1:] > 0
    counted &= ~np.isin(classes, list(truth.incomplete))
    right = []
    for threshold in (0.5, 0.75):
        pairs = match_instances(true, ids, threshold)
        mine = [p - 1 for t, p in pairs if truth.classes.get(t, 1) == classes[p - 1]]
        right.append(scores[mine])
        counted[mine] = True
    return Matches(tuple(right), scores[counted], truth.count)


def _match_clicks(found: InstancePrediction, image: ClickedImage) -> Matches:
    """Match the objects with one click, of their class.

    On an image that is not fully clicked, objects without a click are not counted.
    """
    origin = [start for start, _ in image.pixels.region]
    hits: dict[int, list[int]] = {}
    for click in image.clicks:
        at = tuple(
            min(max(round(p) - o, 0), n - 1)
            for p, o, n in zip(click.position, origin, found.ids.shape, strict=True)
        )
        if found.ids[at]:
            hits.setdefault(int(found.ids[at]) - 1, []).append(click.cls)
    classes, scores = _described(found)
    right = [n for n, shown in hits.items() if shown == [classes[n]]]
    counted = _present(found) if image.ref.exhaustive else np.array(list(hits), int)
    return Matches((scores[right],), scores[counted], len(image.clicks))


def _described(found: InstancePrediction) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return class and score of each object."""
    classes = np.array([thing.cls for thing in found.objects], np.int64)
    return classes, np.array([thing.score for thing in found.objects], np.float32)


def _present(found: InstancePrediction) -> NDArray[np.intp]:
    """Return the indices of the objects that have a pixel."""
    return np.flatnonzero(np.bincount(found.ids.ravel(), minlength=1)[1:])
