"""Fitting recipes to what they learn from, and drawing dual images."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, MaskedImages
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.progress import Progress, relay
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore, FitStep, Recipe, Synthesizer
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.workflow.cutting import cut
from napari_synthseg.workflow.truths import masked_alike, masked_images

Source = PatchLibrary | MaskedImages
"""What recipes are fitted to."""


def fit(
    recipe: Recipe, source: Source, artifacts: ArtifactStore | None = None
) -> Generator[Progress, None, Synthesizer]:
    """Fit a recipe to its source; return its synthesizer.

    What takes long to learn is kept by `artifacts`, also when the work is cancelled.
    """
    if isinstance(source, PatchLibrary) and not source.usable():
        raise InputError(
            "No patch is usable: no object was found under any click, or all were rejected. "
            "Check the class diameter and the clicks, or take patches back in."
        )
    # a fit yields Progress and returns its synthesizer; those that still yield FitStep are adapted
    work: Any = recipe.fit(source, artifacts)
    carried: list[Synthesizer] = []

    def tell(step: Progress | FitStep) -> Progress:
        if isinstance(step, Progress):
            return step
        carried.extend([step.synthesizer] if step.synthesizer else [])
        message = step.message or "fitting the recipe"
        return Progress(step.step / max(step.total, 1), message, step.values, step.pictures)

    returned = yield from relay(work, tell)
    synthesizer: Synthesizer | None = returned or (carried[-1] if carried else None)
    if synthesizer is None:
        raise RuntimeError(f"recipe '{recipe.kind}' ended without a synthesizer")
    return synthesizer


@dataclass(frozen=True, eq=False)
class Fitted:
    """A synthesizer, the recipe and the source that it was fitted from, and the project then."""

    recipe: Recipe
    source: Source
    synthesizer: Synthesizer
    project: Project | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the recipe could not be followed, in words for the user."""
        notes: tuple[str, ...] = getattr(self.synthesizer, "notes", ())
        return notes

    def is_current(self, project: Project, recipe: Recipe, library: PatchLibrary | None) -> bool:
        """Tell whether it is of this recipe, and of the patches or the masks of now."""
        if self.recipe != recipe:
            return False
        if isinstance(self.source, PatchLibrary):
            return self.source is library
        return self.project is not None and masked_alike(self.project, project)


def refit(
    fitted: Fitted | None, recipe: Recipe, source: Source, artifacts: ArtifactStore | None = None
) -> Generator[Progress, None, Fitted]:
    """Return what was fitted already if it is of this recipe and source, else fit anew."""
    if fitted is not None and fitted.recipe == recipe and fitted.source is source:
        return fitted
    return Fitted(recipe, source, (yield from fit(recipe, source, artifacts)))


def prepare(
    project: Project,
    folder: Path,
    fitted: Fitted | None,
    library: PatchLibrary | None,
    artifacts: ArtifactStore,
) -> Generator[Progress, None, Fitted]:
    """Fit a project's recipe to all that it may learn from, as far as that is not done yet.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    fitted
        What was fitted last.
    library
        The patches of now, where they are cut already.
    keeper
        Keeps what takes long to learn.
    """
    recipe = project.recipe or default_recipe()
    if fitted is not None and fitted.is_current(project, recipe, library):
        return fitted
    source: Source
    if recipe.learns_from == "masks":
        yield Progress(0.0, "reading true masks")
        source = masked_images(project, folder, project.train_spec).images
    else:
        source = library or (yield from cut(project, folder))
    return replace((yield from refit(fitted, recipe, source, artifacts)), project=project)


def synthesize(
    synthesizer: Synthesizer, start: int, count: int
) -> Generator[Progress, None, list[DualImage]]:
    """Return pairs `start` to ``start + count - 1``."""
    pairs: list[DualImage] = []
    for index in range(start, start + count):
        pairs.append(synthesizer.pair(index))
        yield Progress(len(pairs) / count, f"dual image {len(pairs)} of {count}")
    return pairs
