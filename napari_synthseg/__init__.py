"""From clicks on object centers to a trained, scored segmentation model, inside napari.

Everything that a script needs is here: ``import napari_synthseg as nss``. The names below are
loaded when they are first used, so that the import is quick.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_synthseg import metrics
    from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
    from napari_synthseg.core.errors import InputError
    from napari_synthseg.core.labels import (
        BoxLabels,
        ImageTags,
        InstanceLabels,
        PointLabels,
        RegionLabels,
    )
    from napari_synthseg.core.project import Project
    from napari_synthseg.core.scores import Scores
    from napari_synthseg.core.specs import ModelSpec, TrainSpec
    from napari_synthseg.synthesis.paste.recipe import PasteRecipe
    from napari_synthseg.synthesis.vqvae.recipe import VQRecipe
    from napari_synthseg.workflow.jobs import Job
    from napari_synthseg.workflow.session import Session

__version__ = "0.2.0"

__all__ = [
    "BoxLabels",
    "Click",
    "ImageRef",
    "ImageTags",
    "InputError",
    "InstanceLabels",
    "Job",
    "ModelSpec",
    "ObjectClass",
    "PasteRecipe",
    "PointLabels",
    "Project",
    "RegionLabels",
    "Scores",
    "Session",
    "TrainSpec",
    "VQRecipe",
    "metrics",
    "open_project",
]

_MODULES = {
    "core.annotations": ("Click", "ImageRef", "ObjectClass"),
    "core.errors": ("InputError",),
    "core.labels": ("BoxLabels", "ImageTags", "InstanceLabels", "PointLabels", "RegionLabels"),
    "core.project": ("Project",),
    "core.scores": ("Scores",),
    "core.specs": ("ModelSpec", "TrainSpec"),
    "synthesis.paste.recipe": ("PasteRecipe",),
    "synthesis.vqvae.recipe": ("VQRecipe",),
    "workflow.jobs": ("Job",),
    "workflow.session": ("Session",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def open_project(folder: str | os.PathLike[str]) -> Session:
    """Open a project folder; a context manager that closes it at the end.

    A new project is made by `Session.create`.

    Raises
    ------
    InputError
        If there is no project, or it is damaged, or from a newer version.
    """
    from pathlib import Path

    from napari_synthseg.workflow.session import Session

    return Session.open(Path(folder)).result()


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module(f"{__name__}.metrics")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
