"""Bringing things into a project: images, moved images, and masks, each as a generator for a job.

These read a snapshot and touch no shared state.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ImageRef, Truth, new_id
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import region_slices
from napari_synthseg.core.labels import Labels
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.io.labels import check_classes
from napari_synthseg.storage import arrays, images, truths, uris
from napari_synthseg.storage.images import is_missing

if TYPE_CHECKING:
    pass


MaskKind = Literal["instance", "semantic"]
"""What masks tell: each object, or the class of each pixel."""


def read_images(
    path: Path, folder: Path, fields: dict[str, Any], stack: StackUse = "auto"
) -> Generator[Progress, None, tuple[ImageRef, ...]]:
    """Describe the images that a file holds; `fields` override those of each.

    `stack` says whether a stack over z is a volume.
    """
    yield Progress(0.0, f"reading {path.name}")
    uri = uris.relative_uri(path, folder)
    refs = images.describe(path, stack=stack)
    return tuple(ref.model_copy(update={"uri": uri, **fields}) for ref in refs)


def relink_images(
    image: ImageRef, path: Path, every: Sequence[ImageRef], folder: Path
) -> Generator[Progress, None, tuple[ImageRef, ...]]:
    """Return all images that now lead elsewhere, `image` among them."""
    yield Progress(0.0, f"reading {path.name}")
    return images.relink_together(image, path, every, folder)


def copy_image(
    array: NDArray[Any], axes: str, name: str, folder: Path, fields: dict[str, Any]
) -> Generator[Progress, None, ImageRef]:
    """Copy pixels that have no file into the project."""
    yield Progress(0.0, f"copying {name}")
    ident = new_id()
    uri = arrays.save_array(array, axes, folder, ident)
    return ImageRef(id=ident, uri=uri, name=name, axes=axes, **fields)


def make_truth(
    image: ImageRef, source: Path | Labels, kind: MaskKind, project: Project, folder: Path
) -> Truth:
    """Return true masks for an image; those from memory are kept in the project's arrays.

    Raises
    ------
    InputError
        If they do not fit the image, are of no such kind, or are of a class that there is not.
    """
    if isinstance(source, Labels):
        given = source.as_regions() if kind == "semantic" else source
        if given.regions:
            check_classes(given, project.class_values, f"of '{image.name}'")
        ident = new_id()
        truth = Truth(
            id=ident,
            image=image.id,
            kind="semantic" if given.regions else "instance",
            source=truths.save_labels(given, folder, ident),
            classes={} if given.regions else dict(given.classes),
        )
    else:
        uri = uris.relative_uri(Path(source), folder)
        truth = Truth(image=image.id, kind=kind, source=uri)
    found = truths.open_labels(truth, image, folder)  # a wrong file is refused now, not later
    if found.regions:
        check_classes(found, project.class_values, f"'{truth.source}'")
    return truth


def read_patch_masks(
    image: ImageRef, source: Path | Labels, project: Project, folder: Path, cls: int
) -> Generator[Progress, None, tuple[Truth, tuple[Click, ...]]]:
    """Copy the user's masks of an image's objects; click those that have no click yet.

    Returns
    -------
    masks
        What the project keeps; `Truth.kind` is "patch_masks".
    clicks
        New clicks, one in each object without one, of the object's class (default `cls`).

    Raises
    ------
    InputError
        If the masks do not fit the image, hold no object, or name a class that does not exist.
    """
    from napari_synthseg.patches.simulated_clicks import click_masks

    yield Progress(0.0, f"reading masks of {image.name}")
    given = source
    if isinstance(source, Path):
        named = Truth(image=image.id, kind="instance", source=uris.relative_uri(source, folder))
        given = truths.open_labels(named, image, folder)
    assert isinstance(given, Labels)
    ids = _on_whole_image(given.ids, image, folder)
    present = [int(i) for i in np.unique(ids) if i > 0]
    if not present:
        raise InputError(f"The masks for image '{image.name}' hold no object: check the layer.")
    known = {c.value for c in project.classes}
    own = given.classes if isinstance(source, Labels) else {}
    classes = {i: own.get(i, cls) for i in present}
    if unknown := set(classes.values()) - known:
        raise InputError(
            f"The masks for image '{image.name}' name class {min(unknown)}, which is not in the "
            "project: add the class first."
        )
    yield Progress(0.5, f"clicking the objects of {image.name}")
    clicked = {_id_under(ids, c.position) for c in project.clicks_on(image)}
    fresh = {i: v for i, v in classes.items() if i not in clicked}
    left = np.where(np.isin(ids, list(fresh)), ids, 0).astype(np.int32)
    clicks = tuple(
        Click(image=image.id, position=made.position, cls=made.cls)
        for made in click_masks(Labels(left, fresh), jitter=0.0)
    )
    ident = new_id()
    uri = truths.save_labels(Labels(ids, classes), folder, ident)
    return Truth(id=ident, image=image.id, kind="patch_masks", source=uri, classes=classes), clicks


def _on_whole_image(ids: NDArray[np.int32], image: ImageRef, folder: Path) -> NDArray[np.int32]:
    """Return masks of an image, or of its region, as masks of the whole image."""
    whole = images.open_pixels(image.model_copy(update={"region": None}), folder).shape[1:]
    if ids.shape == whole:
        return ids
    region = image.region
    if region is None or ids.shape != tuple(b - a for a, b in region):
        raise InputError(
            f"The masks have the shape {ids.shape}, image '{image.name}' has {whole}: give masks "
            "of the same shape."
        )
    full = np.zeros(whole, np.int32)
    full[region_slices(region)] = ids
    return full


def _id_under(ids: NDArray[np.int32], position: Sequence[float]) -> int:
    pixel = np.clip(np.floor(np.add(position, 0.5)).astype(int), 0, np.array(ids.shape) - 1)
    return int(ids[tuple(pixel)])


def find_missing(project: Project, folder: Path) -> Generator[Progress, None, tuple[ImageRef, ...]]:
    """Return the images whose files are not, or not unchanged, where the project says."""
    missing = []
    for number, ref in enumerate(project.images):
        yield Progress(number / len(project.images), f"looking for {ref.name}")
        if is_missing(ref, folder):
            missing.append(ref)
    return tuple(missing)
