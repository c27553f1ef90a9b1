"""What is chosen for users until they choose: what suits clicks, and what suits regions."""

from __future__ import annotations

from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.ui.presenters.steps import only_regions

REAL_SHARE = 0.5
"""Share of real crops where dual images are learned: the real ones are few, but they are real."""


def with_defaults(project: Project, learned: bool = False) -> Project:
    """Return a project with recipe and task that suit regions, where nothing else is marked.

    What the user has set already stays. `learned` says that dual images are there to train on.
    """
    if not only_regions(project):
        return project
    changes: dict[str, object] = {}
    kind = next((k for k, m in Recipe.kinds.items() if m.learns_from == "masks"), None)
    if project.recipe is None and kind is not None:
        changes["recipe"] = Recipe.kinds[kind]()
    real = TrainSpec(task="semantic", source="real")
    if project.train_spec == TrainSpec():
        changes["train_spec"] = real
    if learned and changes.get("train_spec", project.train_spec) == real:
        mixed = {"source": "mixed", "real_fraction": REAL_SHARE}
        changes["train_spec"] = real.model_copy(update=mixed)
    return project.model_copy(update=changes) if changes else project
