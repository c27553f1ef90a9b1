"""The five steps: their names, which are done, why one is locked, and what suits a project."""

from __future__ import annotations

from collections.abc import Sequence

from napari_synthseg.core.annotations import Click, ImageRef, RegionTruth
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.tasks.registry import task_for, task_info
from napari_synthseg.workflow.session import Session

STEP_NAMES = ("Click", "Patches", "Dual images", "Train", "Results")
PAINT = "Paint"
"""What the first step is called where regions are painted."""

START = -1
"""The page before the first step."""

CLICK, PATCHES, DUAL_IMAGES, TRAIN, RESULTS = range(5)

REAL_SHARE = 0.5
"""Share of real crops where dual images are learned: the real ones are few, but they are real."""

NO_PATCHES = "Painted regions need no patches: go on to step 3."


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


def is_marked(project: Project) -> bool:
    """Tell whether anything is marked to learn from."""
    return bool(training_clicks(project) or training_regions(project))


def is_trained(project: Project) -> bool:
    """Tell whether any run has a model."""
    return any(run.model for run in project.runs)


def why_locked(step: int, project: Project) -> str:
    """Return why a step cannot be taken yet, or ''."""
    if not project.images:
        return "Choose an image first."
    if step == CLICK:
        return ""
    if step == PATCHES and only_regions(project):
        return NO_PATCHES
    if not is_marked(project):
        return "Click on the centers of a few objects, or paint regions, first (step 1)."
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


def suitable_recipe(project: Project) -> Recipe:
    """Return the recipe that the user chose, else the one that suits what is marked."""
    if project.recipe is None and only_regions(project):
        kinds = (m for m in Recipe.kinds.values() if m.learns_from == "masks")
        if (kind := next(kinds, None)) is not None:
            return kind()
    return project.recipe or default_recipe()


def suitable_spec(project: Project, learned: bool = False) -> TrainSpec:
    """Return the training that the user chose, else the one that suits what is marked.

    `learned` says that there are learned dual images to train on.
    """
    untouched = (TrainSpec(), TrainSpec(task=task_info("").name))
    if project.train_spec not in untouched or not only_regions(project):
        return project.train_spec
    if learned:
        return TrainSpec(task=task_for("regions").name, source="mixed", real_fraction=REAL_SHARE)
    return TrainSpec(task=task_for("regions").name, source="real")
