"""Patch pasting (arXiv 2308.04687): the recipe, and presets to start from."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Literal

from napari_synthseg.core.annotations import how_to_resize
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import ArtifactStore, Source, Synthesizer
from napari_synthseg.synthesis.paste.parameters import PasteParameters


class PasteRecipe(PasteParameters):
    """Cut objects out and scatter them over canvases."""

    kind: Literal["paste"] = "paste"

    def fit(
        self, source: Source, artifacts: ArtifactStore | None = None
    ) -> Generator[Progress, None, Synthesizer]:
        """Prepare canvases and measure arrangements; return the synthesizer.

        Objects are cut out when they are first pasted. Nothing is kept: it takes seconds.

        Raises
        ------
        InputError
            If no patch of the library is usable.
        """
        # here: it loads scipy, and the panel shall open without
        from napari_synthseg.synthesis.paste.fitting import fit_to_library

        assert isinstance(source, PatchLibrary)
        if not source.usable():
            raise InputError(
                "No patch is usable: no object was found under any click, or all were rejected. "
                f"Check the clicks and the class diameter {how_to_resize()}, or take patches back "
                "in."
            )
        return fit_to_library(self, source)


PAPER = PasteRecipe(
    size=384,
    canvas="blank",
    noise=0.0,
    cutout="square",
    patch_size=1.0,
    patch_size_spread=0.1,
    blending="hard",
    match_level=False,
    match_noise=False,
    counts="empirical",
    density_spread=0.0,
    mixing=1.0,
    rotation=False,
    flip=False,
    scale=0.0,
    intensity=0.0,
    min_quality=0.0,
    arrangement="random",
)
"""Whole square patches, about as large as an object, put at random on blank canvases of 384x384
pixels, counts and class mix as in the clicked images: what arXiv 2308.04687 does. That image and
labels stay exact (parts of other objects inside a square are filled with background, and squares
do not hide objects) is this project's addition."""

PRESETS: Mapping[str, PasteRecipe] = MappingProxyType({"default": PasteRecipe(), "paper": PAPER})


def preset_name(recipe: object) -> str:
    """Return the name of the preset that a recipe equals but for its seed, or ``custom``."""
    for name, preset in PRESETS.items():
        if isinstance(recipe, PasteRecipe) and recipe == preset.model_copy(
            update={"seed": recipe.seed}
        ):
            return name
    return "custom"
