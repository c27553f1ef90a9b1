"""How patches are cut: the few parameters of the step from a click to a patch."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from napari_synthseg.core.annotations import Frozen


class PatchSettings(Frozen):
    """Parameters of cutting and checking."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    margin: float = Field(0.5, ge=0.1, le=2.0)
    """space around an object, in its diameters"""
    least_patches: int = Field(5, ge=1)
    """fewer good patches of a class than this are reported"""
