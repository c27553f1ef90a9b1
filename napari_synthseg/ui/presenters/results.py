"""Step 5 in words: which images can be scored, and what was found on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from napari_synthseg.core.predictions import ImageTagsPrediction, ObjectPrediction, Prediction
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.tasks.registry import task_info

ROLE_WORDS = {"train": "training part", "validate": "held out", "test": "held out for scoring"}


def can_score(project: Project, run: TrainingRun, images: Iterable[str]) -> bool:
    """Tell whether there is any truth to score a run's predictions on images (ids) with."""
    wanted = set(images)
    refs = [ref for ref in project.images if ref.id in wanted]
    kinds = task_info(run.task).truth_kinds
    return any(project.truth_of(ref, *kinds) for ref in refs) or any(
        project.clicks_on(ref) for ref in refs if ref.role != "train"
    )


def describe_found(found: Sequence[Prediction], run: TrainingRun, project: Project) -> str:
    """Return what a model found, for the line above its tables."""
    if task_info(run.task).marking == "regions":
        return "Share of each image's area that the model gave to each class:"
    if any(isinstance(prediction, ImageTagsPrediction) for prediction in found):
        return "How likely an image shows each class; bold: reported."
    names = {c.value: c.name for c in project.classes}
    counts = Counter(
        names.get(thing.cls, f"class {thing.cls}")
        for prediction in found
        if isinstance(prediction, ObjectPrediction)
        for thing in prediction.objects
    )
    if not counts:
        return (
            "No object was found. Look at the dual images: do they resemble this image? Then "
            "train longer."
        )
    return "Found: " + ", ".join(f"{number} {name}" for name, number in counts.items())
