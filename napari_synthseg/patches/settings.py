"""How patches are cut: the few parameters of the step from a click to a patch."""

from __future__ import annotations

from pydantic import Field

from napari_synthseg.core.annotations import Described


class PatchSettings(Described):
    """Parameters of cutting and checking."""

    margin: float = Field(0.5, ge=0.1, le=2.0)
    """space around an object, in its diameters"""
    least_patches: int = Field(5, ge=1)
    """fewer good patches of a class than this are reported"""
