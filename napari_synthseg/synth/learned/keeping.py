"""Under which names what is learned is kept: a digest of all that it depends on, and of no more.

Another size, temperature, seed or threshold learns nothing anew.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from napari_synthseg.synth.learned.recipe import VQRecipe

VERSION = 1
"""Raised when what is learned with the same parameters changes."""


def coder_name(recipe: VQRecipe, source: str) -> str:
    """Return the name for the codes; `source` is the fingerprint of the images."""
    return _name("codes", _coder(recipe), source)


def prior_name(recipe: VQRecipe, source: str) -> str:
    """Return the name for the prior."""
    own = {"limit": recipe.prior_steps or f"{recipe.prior_minutes} min", "on": recipe.on_shares}
    return _name("prior", _coder(recipe) | {"prior": own}, source)


def grain_name(recipe: VQRecipe, source: str) -> str:
    """Return the name for the residuals."""
    return _name("grain", _coder(recipe), source)


def segmenter_name(recipe: VQRecipe, source: str) -> str:
    """Return the name for the gate's network."""
    return _name("segmenter", _segmenter(recipe), source)


def facts_name(recipe: VQRecipe, source: str) -> str:
    """Return the name for what the gate measured on real images."""
    return _name("facts", _segmenter(recipe) | {"size": recipe.size}, source)


def _coder(recipe: VQRecipe) -> dict[str, Any]:
    fields = {"joining", "crop", "quantizer", "codes", "turns", "learning_seed"}
    limit = recipe.vq_steps or f"{recipe.vq_minutes} min"
    return recipe.model_dump(include=fields) | {"limit": limit}


def _segmenter(recipe: VQRecipe) -> dict[str, Any]:
    return recipe.model_dump(include={"crop", "gate_steps", "learning_seed"})


def _name(part: str, fields: dict[str, Any], source: str) -> str:
    text = json.dumps([VERSION, fields, source], sort_keys=True)
    return f"vq-{part}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
