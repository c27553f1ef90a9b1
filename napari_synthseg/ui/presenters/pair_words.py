"""What is told of dual images: how many, what they show, and what the gate turned away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels, regions_of
from napari_synthseg.core.project import Project

GATE_WORDS = {
    "mask": "mask unlike real ones",
    "agreement": "image and mask do not agree",
    "copy": "nearly a copy of a real image",
    "alike": "nearly the same as another",
}
"""Reason of the gate -> what is told; others are told as they are."""

NO_REASONS = ("drawn", "accepted", "ties", "given up")


def describe_pairs(pairs: Sequence[DualImage], project: Project) -> str:
    """Return how many pairs there are, and how many objects or how much of each class."""
    shape = " x ".join(str(n) for n in pairs[0].labels.shape)
    made = f"{len(pairs)} pairs of {shape} pixels"
    objects = [p.labels.count for p in pairs if isinstance(p.labels, InstanceLabels)]
    if objects:
        return f"{made}, {sum(objects)} objects in all."
    maps = [regions_of(p.labels).values for p in pairs]
    shares = [
        f"{np.mean([np.mean(values == c.value) for values in maps]):.0%} {c.name}"
        for c in project.classes
    ]
    return f"{made}: {', '.join(shares)}."


def describe_gate(statistics: Mapping[str, int]) -> str:
    """Return how many pairs were turned away and why, or '' where nothing was checked."""
    drawn = statistics.get("drawn", 0)
    if not drawn:
        return ""
    rejected = drawn - statistics.get("accepted", drawn)
    if not rejected:
        return f"Checked: all {drawn} that were drawn are good."
    reasons = [
        f"{count} {GATE_WORDS.get(name, name)}"
        for name, count in statistics.items()
        if name not in NO_REASONS and count
    ]
    text = f"Checked: {rejected} of {drawn} drawn were rejected ({'; '.join(reasons)})."
    lost = statistics.get("given up", 0)
    return f"{text} {lost} pairs did not pass at all: nothing learns from them." if lost else text
