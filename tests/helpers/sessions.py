"""Filling a session, in place; and trainings in it that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import PixelLabels
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.workflow.importing import Imported, MaskKind
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.truths import read_true_masks

MAKE_TARGETS = "napari_synthseg.tasks.segment.task.make_targets"


def add_array(
    session: Session, array: NDArray[Any], axes: str, name: str, **fields: Any
) -> ImageRef:
    """Add pixels without a file; return the image."""
    (ref,) = session.add_images(array, axes=axes, name=name, **fields).result().images
    return ref


def add_file(session: Session, path: Path, **fields: Any) -> tuple[ImageRef, ...]:
    """Add the images of a file; return them."""
    return session.add_images(path, **fields).result().images


def add_masks(
    session: Session,
    image: ImageRef,
    source: Path | PixelLabels,
    kind: MaskKind = "instance",
    cls: int = 1,
) -> Imported:
    """Add true masks, or masks to cut patches by."""
    return session.import_labels(image, source, kind, cls).result()


def true_masks(session: Session, image: ImageRef) -> PixelLabels | None:
    """Return an image's true masks."""
    return read_true_masks(session.project, session.folder, image).result()


def break_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Let the targets of segmenting fail after so many calls."""
    made = []

    def broken(*args):
        made.append(args)
        if len(made) > calls:
            raise RuntimeError("it broke")
        return make_targets(*args)

    monkeypatch.setattr(MAKE_TARGETS, broken)
