"""Choosing recipes, and fitting them to what they learn from."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore, Recipe, Source, Synthesizer, recipe_class
from napari_synthseg.patches.scaling import measure_scale, scaled_library
from napari_synthseg.synthesis import PRESETS
from napari_synthseg.workflow.choosing import suitable_recipe, working_diameter
from napari_synthseg.workflow.cutting import cut
from napari_synthseg.workflow.truths import masked_alike, masked_images


def pick_recipe(project: Project, kind: str | None, preset: str | None = None) -> Recipe:
    """Return the project's recipe, a preset, or a new one of another kind.

    Raises
    ------
    InputError
        If there is no such kind or preset, or the preset is of another kind.
    """
    if preset is not None:
        if preset not in PRESETS:
            raise InputError(f"There is no preset '{preset}'. Known: {', '.join(PRESETS)}.")
        if kind not in (None, PRESETS[preset].kind):
            raise InputError(
                f"The preset '{preset}' is no recipe of the kind '{kind}': leave one out."
            )
        return PRESETS[preset]
    current = suitable_recipe(project)
    if kind is None or kind == current.kind:
        return current
    return recipe_class(kind)()


@dataclass(frozen=True, eq=False)
class Fitted:
    """A synthesizer, and what it was fitted from.

    Attributes
    ----------
    recipe, source
        The recipe, and what it was fitted to: images at the working scale.
    project
        The project then.
    library
        The patches as they were cut, where they are the source.
    working
        The working diameter, pixels.
    """

    recipe: Recipe
    source: Source
    synthesizer: Synthesizer
    project: Project
    library: PatchLibrary | None = None
    working: float = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the recipe could not be followed, in words for the user."""
        return self.synthesizer.notes

    def is_current(
        self, project: Project, recipe: Recipe, library: PatchLibrary | None, working: float
    ) -> bool:
        """Tell whether it is of this recipe and scale, and of the patches or the masks of now."""
        if self.recipe != recipe:
            return False
        if self.library is not None:
            unscaled = self.source is self.library
            return self.library is library and (
                self.working == working or (unscaled and not working)
            )
        return masked_alike(self.project, project)


def fit_recipe(
    project: Project,
    folder: Path,
    fitted: Fitted | None,
    library: PatchLibrary | None,
    artifacts: ArtifactStore,
    *,
    working: float | None = None,
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
    artifacts
        Keeps what takes long to learn.
    working
        The working diameter, pixels; default: that of the training that the project would begin.
    """
    recipe = suitable_recipe(project)
    if working is None:
        working = working_diameter(project.train_spec)
    if fitted is not None and fitted.is_current(project, recipe, library, working):
        return fitted
    source: Source
    done = 0.0
    if recipe.learns_from == "masks":
        library = None
        source = (yield from masked_images(project, folder, project.train_spec)).images
    else:
        if library is None:
            done = 0.5
            library = yield from subprogress(cut(project, folder), 0.0, done)
        source = scaled_library(library, measure_scale(library, working))
    synthesizer = yield from subprogress(recipe.fit(source, artifacts), done)
    return Fitted(recipe, source, synthesizer, project, library, working)
