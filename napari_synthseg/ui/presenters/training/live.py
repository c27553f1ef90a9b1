"""What a model finds while it is trained, in words."""

from __future__ import annotations

from collections import Counter

from napari_synthseg.core.predictions import (
    ImageTagsPrediction,
    ObjectPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.project import Project


def describe_live(found: Prediction, project: Project) -> str:
    """Return what is found in view so far, and what the user should know of it."""
    notes = (f"Note: {note}." for note in found.notes)
    return "\n".join((f"In view so far: {_found(found, project)}.", *notes))


def _found(found: Prediction, project: Project) -> str:
    names = project.class_names
    if isinstance(found, ObjectPrediction):
        counts = Counter(names.get(o.cls, f"class {o.cls}") for o in found.objects)
        return ", ".join(f"{count} ({name})" for name, count in counts.items()) or "nothing"
    if isinstance(found, RegionPrediction):
        pixels = found.pixel_counts
        total = max(found.values.size, 1)
        return ", ".join(f"{pixels[v] / total:.0%} {name}" for v, name in names.items())
    assert isinstance(found, ImageTagsPrediction)
    return ", ".join(f"{names.get(v, v)} {p:.2f}" for v, p in found.probabilities.items())
