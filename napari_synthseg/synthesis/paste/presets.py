"""Named recipes to start from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from napari_synthseg.synthesis.paste.recipe import PasteRecipe

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
