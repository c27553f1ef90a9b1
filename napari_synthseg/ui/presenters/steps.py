"""The five steps: their names, which are done, and why one cannot be taken yet."""

from __future__ import annotations

from collections.abc import Sequence

from napari_synthseg.core.annotations import Click, ImageRef, RegionTruth
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.session import Session

STEP_NAMES = ("Click", "Patches", "Dual images", "Train", "Results")
PAINT = "Paint"
"""What the first step is called where regions are painted."""

CLICK, PATCHES, DUAL_IMAGES, TRAIN, RESULTS = range(5)


def training_clicks(project: Project) -> list[Click]:
    """Return the clicks that patches are cut from: those on images used for training."""
    images = {ref.id for ref in project.images if ref.role == "train"}
    return [click for click in project.clicks if click.image in images]


def training_regions(project: Project) -> list[ImageRef]:
    """Return the images used for training on which regions are painted or known."""
    known = {t.image for t in project.truths if isinstance(t, RegionTruth)}
    return [ref for ref in project.images if ref.role == "train" and ref.id in known]


def has_regions(project: Project, refs: Sequence[ImageRef] = ()) -> bool:
    """Tell whether regions are known on any of the images (default: of all)."""
    asked = {ref.id for ref in refs or project.images}
    return any(isinstance(t, RegionTruth) and t.image in asked for t in project.truths)


def only_regions(project: Project) -> bool:
    """Tell whether there is nothing to learn from but regions."""
    return bool(training_regions(project)) and not training_clicks(project)


NO_PATCHES = "Painted regions need no patches: go on to step 3."


def why_locked(step: int, session: Session | None) -> str:
    """Return why a step cannot be taken yet, or ''."""
    if session is None or not session.project.images:
        return "Choose an image first."
    if step == CLICK:
        return ""
    if only_regions(session.project):
        if step == PATCHES:
            return NO_PATCHES
    elif not training_clicks(session.project):
        return "Click on the centers of a few objects, or paint regions, first (step 1)."
    if step == RESULTS and not any(run.model for run in session.project.runs):
        return "Train a model first (step 4)."
    return ""


def is_done(step: int, session: Session | None) -> bool:
    """Tell whether a step has been taken and still holds."""
    if session is None or why_locked(step, session):
        return False
    runs = session.project.runs
    if step == CLICK:
        return True
    if step == PATCHES:
        return session.library_is_current
    if step == DUAL_IMAGES:
        return session.synthesizer_is_current
    if step == TRAIN:
        return any(run.model for run in runs)
    return any(run.scores for run in runs)
