"""Real images with ground truth, as something to train on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.project import Project, Truth, TruthKind
from napari_synthseg.core.training import TaskName
from napari_synthseg.patches.split import MINIMUM_CLICKS, Part
from napari_synthseg.store.images import open_pixels
from napari_synthseg.store.labels import open_labels

TAUGHT_BY: dict[TaskName, tuple[TruthKind, ...]] = {
    "segment": ("instance",),
    "classify": ("instance", "boxes", "image_labels"),
    "detect": ("boxes", "instance"),
}
"""Task -> the kinds of ground truth that teach it, what says most first."""

WORDS: dict[TaskName, str] = {
    "segment": "true masks",
    "classify": "true masks, boxes or labels",
    "detect": "true boxes or masks",
}


def true_parts(project: Project, task: TaskName) -> tuple[Part, ...]:
    """Return the training images whose ground truth teaches a task.

    Raises
    ------
    InputError
        If there is none.
    """
    known = ((ref, project.truth_of(ref, *TAUGHT_BY[task])) for ref in project.images)
    parts = tuple(
        Part(ref, project.clicks_on(ref), _count_objects(truth))
        for ref, truth in known
        if ref.role == "train" and truth is not None
    )
    if not parts:
        raise InputError(
            f"Training on real images needs {WORDS[task]} of at least one training image: import "
            "them with the role 'train', or train on dual images."
        )
    return parts


def true_pairs(
    project: Project, folder: Path, task: TaskName, parts: Sequence[Part]
) -> tuple[DualImage, ...]:
    """Return those of some parts that have ground truth for a task, with it."""
    known = ((p.ref, project.truth_of(p.ref, *TAUGHT_BY[task])) for p in parts)
    return tuple(
        DualImage(open_pixels(ref, folder).read(), open_labels(truth, ref, folder), 0)
        for ref, truth in known
        if truth is not None
    )


def _count_objects(truth: Truth) -> int:
    """Return how many objects an image has as far as can be told without reading its masks."""
    counts = {"boxes": len(truth.boxes), "image_labels": len(truth.shown)}
    return counts.get(truth.kind, max(len(truth.classes), MINIMUM_CLICKS))
