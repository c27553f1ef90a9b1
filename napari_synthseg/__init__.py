"""From clicks on object centers to a trained, scored segmentation model, inside napari.

The names below are loaded when they are first used, so that ``import napari_synthseg`` is quick.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_synthseg.core.labels import (
        BoxLabels,
        ImageTags,
        InstanceLabels,
        PointLabels,
        RegionLabels,
    )
    from napari_synthseg.core.project import Project
    from napari_synthseg.core.specs import TrainSpec
    from napari_synthseg.synthesis.paste.recipe import PasteRecipe
    from napari_synthseg.synthesis.vqvae.recipe import VQRecipe
    from napari_synthseg.workflow.session import Session

__version__ = "0.1.0"

__all__ = [
    "BoxLabels",
    "ImageTags",
    "InstanceLabels",
    "PasteRecipe",
    "PointLabels",
    "Project",
    "RegionLabels",
    "Session",
    "TrainSpec",
    "VQRecipe",
    "open_project",
]

_MODULES = {
    "Project": "core.project",
    "TrainSpec": "core.specs",
    "PasteRecipe": "synthesis.paste.recipe",
    "VQRecipe": "synthesis.vqvae.recipe",
    "Session": "workflow.session",
}


def open_project(folder: str | os.PathLike[str]) -> Session:
    """Open a project folder; a context manager that closes it at the end.

    Raises
    ------
    InputError
        If there is no project, or it is damaged, or from a newer version.
    """
    from napari_synthseg.workflow.session import Session

    return Session.open(Path(folder)).result()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'core.labels')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
