"""Under which names what is learned is kept: a digest of all that it depends on, and of no more.

Another size, temperature, seed or threshold learns nothing anew. What depends on learned weights
has their digest in its name, so that it is never used with others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.synthesis.vqvae.parameters import VQParameters

VERSION = 1
"""Raised when what is learned with the same parameters changes."""


def coder_key(recipe: VQParameters, source: str) -> str:
    """Return the name for the codes; `source` is the fingerprint of the images."""
    fields = {"joining", "crop", "quantizer", "codes", "smoothing", "turns", "learning_seed"}
    limit = recipe.vq_steps or f"{recipe.vq_minutes} min"
    return _key("codes", recipe.model_dump(include=fields), limit, source)


def prior_key(recipe: VQParameters, source: str, coder: str) -> str:
    """Return the name for the prior; `coder` is the digest of the weights that code."""
    fields = {"turns", "learning_seed", "on_shares", "crop"}
    limit = recipe.prior_steps or f"{recipe.prior_minutes} min"
    return _key("prior", recipe.model_dump(include=fields), limit, source, coder)


def residual_key(source: str, coder: str) -> str:
    """Return the name for the residuals."""
    return _key("grain", source, coder)


def segmenter_key(recipe: VQParameters, source: str) -> str:
    """Return the name for the gate's network."""
    fields = {"crop", "gate_steps", "learning_seed"}
    return _key("segmenter", recipe.model_dump(include=fields), source)


def calibration_key(recipe: VQParameters, source: str, segmenter: str) -> str:
    """Return the name for what the gate measured; `segmenter` is its weights' digest."""
    return _key("facts", recipe.model_dump(include={"crop", "size"}), source, segmenter)


def digest_of(weights: Mapping[str, NDArray[Any]]) -> str:
    """Return a digest of a network's weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()


def _key(part: str, *facts: Any) -> str:
    text = json.dumps([VERSION, facts], sort_keys=True)
    return f"vq-{part}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
