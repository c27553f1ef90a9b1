"""How patches are cut: the few parameters of the step from a click to a patch."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from napari_synthseg.core.annotations import Frozen


class PatchSettings(Frozen):
    """Parameters of cutting and masking; lengths are relative to the class diameter."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    margin: float = Field(0.5, ge=0.1, le=2.0)
    """space around an object, in diameters"""
    level: float = Field(0.4, gt=0.0, lt=1.0)
    """where an object ends: share of the way from its surroundings to its core"""
    block: int = Field(512, ge=128, le=8192)
    """edge of the blocks worked on, pixels"""
    least_patches: int = Field(5, ge=1)
    """fewer good patches of a class than this are reported"""
