"""At which of several magnifications an image is predicted."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.predictions import FoundObject, InstancePrediction
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.workflow.first_pass import find_magnification

REF = ImageRef(id="i", uri="i.tif")
DIAMETER = 24.0


@pytest.fixture
def find(monkeypatch):
    """Find the magnification by a model that tells score and diameter from its input's factor."""

    def find(model, scale=1.0, classes=(1,), covered=lambda times: 1 / 16):
        rule = DecodingRule(class_values=classes, diameter=DIAMETER, scale=scale)
        tried = []

        def predict(predictor, pixels, *, image, run, ref):
            factor = getattr(pixels, "factors", (1.0, 1.0))[-1]
            tried.append(scale / factor)
            score, diameter = model(scale / factor)
            edge = round(math.sqrt(math.pi) / 2 * diameter / factor)
            ids = np.zeros((round(edge / covered(scale / factor)), edge), np.int32)
            ids[:edge] = 1
            box = ((0.0, 1.0), (0.0, 1.0))
            thing = FoundObject(id=1, cls=1, score=score, center=(0.0, 0.0), box=box)
            return InstancePrediction(ids=ids, objects=(thing,) if score else ())
            yield

        monkeypatch.setattr("napari_synthseg.tasks.predict.predict_image", predict)
        pixels = ArraySource(np.zeros((1, 2000, 2000), np.float32))
        predictor: Any = SimpleNamespace(rule=rule)
        work = find_magnification(predictor, REF, pixels)
        try:
            while True:
                next(work)
        except StopIteration as end:
            return end.value, tried

    return find


def peak_at(best, width=0.5, sizes=DIAMETER):
    return lambda times: (math.exp(-((math.log(times / best) / width) ** 2)), sizes)


@pytest.mark.parametrize("power", range(-5, 6))
def test_the_one_that_fits_best_is_found_by_seven_tries(find, power):
    found, tried = find(peak_at(2 ** (power / 2)), scale=0.4)
    assert found == pytest.approx(2 ** (power / 2), rel=1e-3)
    assert len(tried) == 7


def test_what_is_as_large_as_what_was_learned_from_counts_more_than_a_score(find):
    def model(times):
        return 0.7 if times > 1.5 else 0.6, DIAMETER * 2 / times

    assert find(model)[0] == pytest.approx(2)
    assert find(lambda times: (model(times)[0], DIAMETER * 2))[0] > 1.5, "sizes tell nothing"


@pytest.mark.parametrize(("learned", "found"), [(12.0, 1.0), (0.0, 0.5)])
def test_where_long_objects_fall_apart_they_are_not_those_learned_from(monkeypatch, learned, found):
    """At half the magnification pieces are surer, and of the diameter that whole ones have."""

    def predict(predictor, pixels, *, image, run, ref):
        zoom = getattr(pixels, "factors", (1.0, 1.0))[-1]
        pieces = 3 if zoom > 1.2 else 1
        score = {1.0: 0.55, 2.0: 0.6}.get(zoom, 0.4)
        ids = np.zeros((50, 200), np.int32)
        for piece in range(pieces):
            width = round(6 * pieces**0.5)
            ids[:width, 60 * piece : 60 * piece + round(75 / pieces**0.5)] = piece + 1
        box = ((0.0, 1.0), (0.0, 1.0))
        things = [
            FoundObject(id=n + 1, cls=1, score=score, center=(0, 0), box=box) for n in range(pieces)
        ]
        return InstancePrediction(ids=ids, objects=tuple(things))
        yield

    monkeypatch.setattr("napari_synthseg.tasks.predict.predict_image", predict)
    rule = SegmentRule(class_values=(1,), diameter=DIAMETER, elongation=learned)
    predictor: Any = SimpleNamespace(rule=rule)
    pixels = ArraySource(np.zeros((1, 300, 300), np.float32))
    assert exhaust(find_magnification(predictor, REF, pixels)) == pytest.approx(found)


def test_of_several_classes_scores_alone_count(find):
    def model(times):
        return (0.9, 10 * DIAMETER) if times == pytest.approx(2) else (0.5, DIAMETER)

    assert find(model)[0] != pytest.approx(2)
    assert find(model, classes=(1, 2))[0] == pytest.approx(2)


def test_the_unusual_must_be_better_and_not_just_as_good(find):
    texture = 0.25

    def model(times):
        return (0.62 if times == pytest.approx(texture) else 0.6), DIAMETER

    assert find(model)[0] == pytest.approx(1)


def test_one_find_in_a_field_of_others_tells_less_than_all_of_these(find):
    def model(times):
        return (0.58 if times == pytest.approx(4) else 0.54), DIAMETER

    def covered(times):
        return 0.02 if times == pytest.approx(4) else 0.5

    assert find(model)[0] == pytest.approx(4), "as much is covered"
    assert find(model, covered=covered)[0] == pytest.approx(1)


def test_enlarging_ends_and_the_magnification_is_the_one_that_is_shown(find):
    found, tried = find(peak_at(0.8), scale=2.4)
    assert min(tried) == pytest.approx(0.8)
    assert found == pytest.approx(0.8)
    assert len(tried) == len(set(tried))


def test_nothing_found_anywhere_is_no_magnification(find):
    assert find(lambda _: (0.0, DIAMETER))[0] is None


@pytest.mark.parametrize(("sureness", "magnification"), [(0.49, None), (0.51, 0.25)])
def test_what_is_found_without_sureness_tells_no_magnification(find, sureness, magnification):
    def model(times):
        return (sureness if times == pytest.approx(0.25) else 0.3), DIAMETER

    assert find(model, scale=0.4)[0] == magnification
