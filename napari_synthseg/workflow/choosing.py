"""What suits what is marked, until the user chooses: the recipe, and the training settings."""

from __future__ import annotations

from contextlib import suppress

from napari_synthseg.core.annotations import Click, ImageRef, RegionTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.project import Project, by_image
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.patches.scaling import clicked_diameters, unequal_sizes
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.registry import describe_task, task_for, task_infos

IMPROVING_MINUTES = 0.7
"""How long a model goes on learning after corrections, cutting of patches included."""

GOOD_START = 12
"""Clicks of each class on an image that users are advised to begin with."""

REAL_SHARE = 0.5
"""Share of real crops where dual images are learned: the real ones are few, but they are real."""


def training_clicks(project: Project) -> list[Click]:
    """Return the clicks that patches are cut from: those on images used for training."""
    images = _training_images(project)
    return [click for click in project.clicks if click.image in images]


def count_training_clicks(project: Project) -> int:
    """Return the number of clicks that patches are cut from."""
    found, images = by_image(project.clicks), _training_images(project)
    return sum(len(clicks) for image, clicks in found.items() if image in images)


def has_training_clicks(project: Project) -> bool:
    """Tell whether there is a click that a patch is cut from."""
    return count_training_clicks(project) > 0


def _training_images(project: Project) -> set[str]:
    return {ref.id for ref in project.images if ref.role == "train"}


def training_regions(project: Project) -> list[ImageRef]:
    """Return the images used for training on which regions are painted or known."""
    known = {t.image for t in project.truths if isinstance(t, RegionTruth)}
    return [ref for ref in project.images if ref.role == "train" and ref.id in known]


def only_regions(project: Project) -> bool:
    """Tell whether there is nothing to learn from but regions."""
    return bool(training_regions(project)) and not has_training_clicks(project)


def taught_by_truth(project: Project) -> TaskInfo | None:
    """Return the first task that the truth of images used for training teaches; None without."""
    images = _training_images(project)
    kinds = {truth.kind for truth in project.truths if truth.image in images}
    return next((task for task in task_infos() if kinds.intersection(task.truth_kinds)), None)


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
    task = None if has_training_clicks(project) else taught_by_truth(project)
    if task is None:
        return spec
    regions = bool(training_regions(project))
    suits: dict[str, object] = {}
    if "task" not in spec.model_fields_set:
        suits["task"] = task_for("regions").name if regions else task.name
    if "source" not in spec.model_fields_set:
        learned = learned and regions
        suits["source"] = "mixed" if learned else "real"
        if learned and "real_fraction" not in spec.model_fields_set:
            suits["real_fraction"] = REAL_SHARE
    return spec.model_copy(update=suits)


def cautions(project: Project, spec: TrainSpec, library: PatchLibrary | None) -> tuple[str, ...]:
    """Return what the user should know before training, sentences without a point.

    Where patches are cut, it is what their check found, too. Sizes are those of the patches where
    they are cut, else those that were typed.
    """
    if spec.source == "real":
        return ()
    checked = tuple(note.rstrip(".") for note in library.notes) if library is not None else ()
    return (*_unequal_sizes(project, spec, library), *checked)


def _unequal_sizes(
    project: Project, spec: TrainSpec, library: PatchLibrary | None
) -> tuple[str, ...]:
    if not working_diameter(spec):
        return ()
    if library is not None:
        return unequal_sizes(clicked_diameters(library), project.class_names)
    diameters = {}
    for cls in project.classes:
        with suppress(InputError):  # a length, on images without a pixel size
            diameters[cls.value] = cls.diameter_px(_first_clicked(project, cls.value))
    return unequal_sizes(diameters, project.class_names)


def _first_clicked(project: Project, cls: int) -> ImageRef:
    for click in training_clicks(project):
        if click.cls == cls:
            return project.image(click.image)
    raise InputError("No object of this class is clicked.")


def improving_spec(project: Project, minutes: float = IMPROVING_MINUTES) -> TrainSpec:
    """Return a short training that goes on from the weights of the last run that has a model.

    It learns from all that is marked now; task and network are those of that run.

    Raises
    ------
    InputError
        If no run has a model yet.
    """
    trained = [run for run in project.runs if run.model is not None and run.state != "running"]
    if not trained:
        raise InputError("No model is trained yet: train one first, then improve it.")
    last = trained[-1]
    return project.train_spec.model_copy(
        update={
            "task": last.task,
            "source": last.spec.source,
            "start": last.id,
            "minutes": minutes,
            "steps": None,
        }
    )


def working_diameter(spec: TrainSpec) -> float:
    """Return how many pixels wide a training shows usual objects; 0: as wide as they are."""
    return spec.working_diameter if describe_task(spec.task).scaled else 0.0
