"""What suits what is marked, until the user chooses: the recipe, and the training settings."""

from __future__ import annotations

from napari_synthseg.core.annotations import Click, ImageRef, RegionTruth
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.tasks.registry import describe_task, task_for

REAL_SHARE = 0.5
"""Share of real crops where dual images are learned: the real ones are few, but they are real."""


def training_clicks(project: Project) -> list[Click]:
    """Return the clicks that patches are cut from: those on images used for training."""
    images = {ref.id for ref in project.images if ref.role == "train"}
    return [click for click in project.clicks if click.image in images]


def training_regions(project: Project) -> list[ImageRef]:
    """Return the images used for training on which regions are painted or known."""
    known = {t.image for t in project.truths if isinstance(t, RegionTruth)}
    return [ref for ref in project.images if ref.role == "train" and ref.id in known]


def only_regions(project: Project) -> bool:
    """Tell whether there is nothing to learn from but regions."""
    return bool(training_regions(project)) and not training_clicks(project)


def suitable_recipe(project: Project) -> Recipe:
    """Return the recipe that the user chose, else the one that suits what is marked."""
    if project.recipe is not None:
        return project.recipe
    if only_regions(project):
        for recipe in Recipe.kinds.values():
            if recipe.learns_from == "masks":
                return recipe()
    return default_recipe()


def suitable_spec(project: Project, learned: bool = False) -> TrainSpec:
    """Return the training settings that the user chose, and what suits for the others.

    A field is chosen if it is in ``project.train_spec.model_fields_set``. `learned` says that there
    are learned dual images to train on.
    """
    spec = project.train_spec
    if not only_regions(project):
        return spec
    suits: dict[str, object] = {}
    if "task" not in spec.model_fields_set:
        suits["task"] = task_for("regions").name
    if "source" not in spec.model_fields_set:
        suits["source"] = "mixed" if learned else "real"
        if learned and "real_fraction" not in spec.model_fields_set:
            suits["real_fraction"] = REAL_SHARE
    return spec.model_copy(update=suits)


def working_diameter(spec: TrainSpec) -> float:
    """Return how many pixels wide a training shows usual objects; 0: as wide as they are."""
    return spec.working_diameter if describe_task(spec.task).scaled else 0.0
