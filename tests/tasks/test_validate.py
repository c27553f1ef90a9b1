"""Thresholds chosen on the held-out part: those that part it well, with room on either side."""

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.evaluation import CANDIDATE_SCORES, validate
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.tasks.validation import HeldOutField


def field(strengths):
    """Return a row of squares as labels and as outputs, each seen with its own strength."""
    ids = np.zeros((24, 24 * len(strengths)), np.int32)
    for number in range(len(strengths)):
        ids[4:20, 24 * number + 4 : 24 * number + 20] = number + 1
    labels = InstanceLabels(ids, dict.fromkeys(range(1, len(strengths) + 1), 1))
    classes, distance = make_targets(labels, (1,))
    seen = np.concatenate([[0.0], strengths]).astype(np.float32)[ids]
    foreground = np.where(classes > 0, 0.95, 0.02).astype(np.float32)
    return labels, (np.stack([1 - foreground, foreground]), distance * seen)


def held_out(pair):
    return HeldOutField(ArraySource(pair.image), pair)


def tuned(true, strengths):
    """Tune on one pair whose first `true` squares are objects, the rest are none."""
    labels, maps = field(strengths)
    ids = np.where(labels.ids <= true, labels.ids, 0).astype(np.int32)
    truth = InstanceLabels(ids, dict.fromkeys(range(1, true + 1), 1))
    pair = DualImage(np.zeros((1, *ids.shape), np.float32), truth, 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0)
    return exhaust(validate([maps], [held_out(pair)], rule, tune=True))


def test_weak_false_objects_are_left_out():
    found = tuned(4, [0.9, 0.9, 0.8, 0.8, 0.3, 0.3])
    assert found.value == 1.0
    assert found.rule.minimum_score > 0.2


def test_of_thresholds_that_do_equally_well_the_middle_one_is_taken():
    found = tuned(4, [0.9, 0.9, 0.9, 0.9])
    assert found.value == 1.0
    assert found.rule.minimum_score == CANDIDATE_SCORES[len(CANDIDATE_SCORES) // 2]


def test_without_tuning_the_rule_stays():
    labels, maps = field([0.9, 0.9])
    pair = DualImage(np.zeros((1, *labels.ids.shape), np.float32), labels, 0)
    rule = SegmentRule(class_values=(1,), diameter=16.0, minimum_score=0.1)
    assert exhaust(validate([maps], [held_out(pair)], rule)).rule == rule
