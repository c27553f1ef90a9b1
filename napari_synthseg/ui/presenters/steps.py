"""The five steps: their names, which are done, and why one is locked."""

from __future__ import annotations

from collections.abc import Sequence

from napari_synthseg.core.annotations import ImageRef, RegionTruth
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.choosing import (
    has_training_clicks,
    only_regions,
    taught_by_truth,
    training_regions,
)
from napari_synthseg.workflow.session import Session

STEP_NAMES = ("Click", "Patches", "Dual images", "Train", "Results")
PAINT = "Paint"
"""What the first step is called where regions are painted."""

START = -1
"""The page before the first step."""

CLICK, PATCHES, DUAL_IMAGES, TRAIN, RESULTS = range(5)

NO_PATCHES = "Painted regions need no patches: go on to step 3."
NO_DUAL_IMAGES = (
    "What is known of your images teaches without patches and dual images: go on to step 4."
)


def has_regions(project: Project, refs: Sequence[ImageRef] = ()) -> bool:
    """Tell whether regions are known on any of the images (default: of all)."""
    asked = {ref.id for ref in refs or project.images}
    return any(isinstance(t, RegionTruth) and t.image in asked for t in project.truths)


def is_marked(project: Project) -> bool:
    """Tell whether anything is marked to learn from."""
    return has_training_clicks(project) or taught_by_truth(project) is not None


def needs_no_dual_images(project: Project) -> bool:
    """Tell whether there is nothing to make dual images of, but truth to learn from."""
    makes_some = has_training_clicks(project) or bool(training_regions(project))
    return not makes_some and taught_by_truth(project) is not None


def is_trained(project: Project) -> bool:
    """Tell whether any run has a model."""
    return any(run.model for run in project.runs)


def why_locked(step: int, project: Project) -> str:
    """Return why a step cannot be taken yet, or ''."""
    if not project.images:
        return "Choose an image first."
    if step == CLICK or (step in (TRAIN, RESULTS) and is_trained(project)):
        return ""  # a model may have learned from true boxes or masks alone
    if step == PATCHES and only_regions(project):
        return NO_PATCHES
    if step in (PATCHES, DUAL_IMAGES) and needs_no_dual_images(project):
        return NO_DUAL_IMAGES
    if not is_marked(project):
        return (
            "Click on the centers of a few objects, paint regions, or import boxes or masks, first "
            "(step 1)."
        )
    if step == RESULTS and not is_trained(project):
        return "Train a model first (step 4)."
    return ""


def is_done(step: int, session: Session | None) -> bool:
    """Tell whether a step has been taken and still holds."""
    if session is None or why_locked(step, session.project):
        return False
    if step == CLICK:
        return True
    if step == PATCHES:
        return session.library_is_current
    if step == DUAL_IMAGES:
        return session.synthesizer_is_current
    if step == TRAIN:
        return is_trained(session.project)
    return any(run.scores for run in session.project.runs)
