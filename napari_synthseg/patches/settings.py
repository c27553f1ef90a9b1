"""How patches are cut: the few parameters of the step from a click to a patch."""

from __future__ import annotations

from pydantic import Field

from napari_synthseg.core.annotations import Frozen


class PatchSettings(Frozen):
    """Parameters of cutting and masking; lengths are relative to the class diameter."""

    margin: float = Field(
        default=0.5, ge=0.1, le=2.0, description="space around an object, in diameters"
    )
    level: float = Field(
        default=0.4,
        gt=0.0,
        lt=1.0,
        description="where an object ends: share of the way from its surroundings to its core",
    )
    block: int = Field(
        default=512, ge=128, le=8192, description="edge of the blocks worked on, pixels"
    )
    least_patches: int = Field(
        default=5, ge=1, description="fewer good patches of a class than this are reported"
    )
