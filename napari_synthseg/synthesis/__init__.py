"""Ways to make dual images; importing this registers every recipe kind, and loads no torch."""

from napari_synthseg.core.recipe import Recipe
from napari_synthseg.synthesis.paste.recipe import PRESETS, PasteRecipe, preset_name
from napari_synthseg.synthesis.vqvae.recipe import VQRecipe

__all__ = ["PRESETS", "PasteRecipe", "VQRecipe", "default_recipe", "preset_name"]


def default_recipe() -> Recipe:
    """Return the recipe that is used where the project has none yet."""
    return PasteRecipe()
