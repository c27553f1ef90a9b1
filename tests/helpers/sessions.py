"""Filling a session, in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import PixelLabels
from napari_synthseg.workflow.importing import Imported, MaskKind
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.truths import read_true_masks


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
