"""The five steps: their names, which are done, and why one cannot be taken yet."""

from __future__ import annotations

from napari_synthseg.core.project import Click, Project
from napari_synthseg.session import Session

STEP_NAMES = ("Click", "Patches", "Dual images", "Train", "Results")
CLICK, PATCHES, DUAL_IMAGES, TRAIN, RESULTS = range(5)


def training_clicks(project: Project) -> list[Click]:
    """Return the clicks that patches are cut from: those on images used for training."""
    images = {ref.id for ref in project.images if ref.role == "train"}
    return [click for click in project.clicks if click.image in images]


def why_locked(step: int, session: Session | None) -> str:
    """Return why a step cannot be taken yet, or ''."""
    if session is None or not session.project.images:
        return "Choose an image first."
    if step == CLICK:
        return ""
    if not training_clicks(session.project):
        return "Click on the centers of a few objects first (step 1)."
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
