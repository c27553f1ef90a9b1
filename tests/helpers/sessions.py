"""Filling a session, in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import Labels
from napari_synthseg.workflow.importing import Imported, MaskKind
from napari_synthseg.workflow.session import Session


def add_array(
    session: Session, array: NDArray[Any], axes: str, name: str, **fields: Any
) -> ImageRef:
    """Add pixels without a file; return the image."""
    (ref,) = session.complete(session.add_array(array, axes, name, **fields)).images
    return ref


def add_file(session: Session, path: Path, **fields: Any) -> tuple[ImageRef, ...]:
    """Add the images of a file; return them."""
    return session.complete(session.add_images(path, **fields)).images


def add_masks(
    session: Session,
    image: ImageRef,
    source: Path | Labels,
    kind: MaskKind = "instance",
    cls: int = 1,
) -> Imported:
    """Add true masks, or masks to cut patches by."""
    return session.complete(session.import_labels(image, source, kind, cls))
