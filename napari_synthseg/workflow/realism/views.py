"""What is compared: real images with all that is known of what they show, and dual images.

Where there are regions without separate objects, each connected piece of one class is looked at as
an object is.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import region_slices
from napari_synthseg.core.labels import (
    UNKNOWN,
    DualImage,
    InstanceLabels,
    RegionLabels,
    instances_of,
    regions_of,
)
from napari_synthseg.core.patch import PatchLibrary, paint_numbers
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.patches.canvas_parts import PatchPlaces, estimate_backgrounds
from napari_synthseg.realism.view import FieldView
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.truths import SplitMasks

Spacing = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class RealFields:
    """The real side of a comparison.

    Attributes
    ----------
    views
        The images: whole, or the parts of large ones.
    refs
        The same images in the project, each once.
    masks
        Where the extents of objects come from, in words.
    diameter
        Typical diameter of an object, pixels; None: there are no objects, only regions.
    classes
        Where there are regions, class value -> name.
    """

    views: tuple[FieldView, ...]
    refs: tuple[ImageRef, ...]
    masks: str
    diameter: float | None
    classes: Mapping[int, str] = field(default_factory=dict)


def clicked_fields(
    project: Project, folder: Path, library: PatchLibrary
) -> Generator[Progress, None, RealFields]:
    """Return the clicked parts of images with their objects: true masks, or those of the clicks."""
    usable = {p.id for p in library.usable()}
    places = PatchPlaces(library.patches)
    views: list[FieldView] = []
    refs: dict[str, ImageRef] = {}
    masked: tuple[str, InstanceLabels] | None = None
    true = 0
    for background in (yield from estimate_backgrounds(library)):
        image, region = background.image, background.region
        ref = refs.setdefault(image, project.image(image))
        pixels = open_pixels(ref, folder)
        truth = project.masks_of(ref)
        maskless = []
        if truth is not None:
            if masked is None or masked[0] != image:  # the parts of an image follow one another
                masked = image, open_labels(truth, ref, folder)
            first = [a for a, _ in pixels.region]
            # a copy, so that a view of a part does not keep the labels of the whole image
            ids, true = masked[1].ids[region_slices(region, first)].copy(), true + 1
        else:
            ids = np.zeros(background.valid.shape, np.int32)
            meeting = [(library.patches[n], n + 1) for n in places.meeting(image, region)]
            outlined = [(patch, number) for patch, number in meeting if patch.id in usable]
            paint_numbers(outlined, ids, background.origin)
            for number in places.centered(image, region):
                patch = library.patches[number]
                if patch.id not in usable:
                    maskless.append(np.add(patch.origin, patch.center) - background.origin)
        known = truth is not None or (background.exhaustive and not maskless)
        views.append(
            FieldView(
                name=ref.name,
                source=ref.id,
                group=ref.group or ref.uri,
                image=pixels.read(region),
                ids=ids,
                background=ids == 0 if known else background.valid & (ids == 0),
                maskless_centers=np.array(maskless, float).reshape(-1, ids.ndim),
                complete=truth is not None or background.exhaustive,
                spacing=ref.spacing,
            )
        )
    whole = "true masks" if true else "masks found under the clicks"
    masks = whole if true in (0, len(views)) else "true masks or masks found under clicks"
    diameter = float(np.mean(list(library.diameters.values())))
    return RealFields(tuple(views), tuple(refs.values()), masks, diameter)


def masked_fields(project: Project, masks: SplitMasks) -> RealFields:
    """Return the images with true masks of regions, those held out among them."""
    refs = (*masks.split.train, *masks.split.validation)
    pairs = (*masks.images.train, *masks.images.held)
    views, known = [], 0
    for ref, pair in zip(refs, pairs, strict=True):
        view = FieldView(
            name=ref.name,
            source=ref.id,
            group=ref.group or ref.uri,
            image=pair.image,
            spacing=ref.spacing,
            **_regions_of(regions_of(pair.labels)),
        )
        # two parts of one image have pieces of their own
        views.append(replace(view, ids=np.where(view.ids > 0, view.ids + known, 0)))
        known += int(view.ids.max())
    names = project.class_names
    seen = {ref.id for ref in refs}
    once = tuple(ref for ref in project.images if ref.id in seen)
    return RealFields(tuple(views), once, "connected pieces of true masks", None, names)


def synthetic_field(pair: DualImage, spacing: Spacing) -> FieldView:
    """Return a dual image as what is compared."""
    name = f"pair {pair.index}"
    labels = pair.labels
    known = (
        _regions_of(labels)
        if isinstance(labels, RegionLabels)
        else _objects_of(instances_of(labels))
    )
    return FieldView(name=name, source=name, group=name, image=pair.image, spacing=spacing, **known)


def _objects_of(labels: InstanceLabels) -> dict[str, Any]:
    """Return what a view holds of objects that are all known."""
    ids = labels.ids
    nothing = np.zeros((0, ids.ndim))
    return {"ids": ids, "background": ids == 0, "maskless_centers": nothing, "complete": True}


def _regions_of(labels: RegionLabels) -> dict[str, Any]:
    """Return what a view holds of regions: their connected pieces, and the class of each pixel."""
    from skimage.measure import label

    values = labels.values
    pieces = label(np.maximum(values, 0), background=0, connectivity=1)
    return {
        "ids": pieces.astype(np.int32),
        "background": values == 0,
        "maskless_centers": np.zeros((0, values.ndim)),
        "complete": not bool((values == UNKNOWN).any()),
        "regions": values,
    }


def count_objects(views: Sequence[FieldView]) -> int:
    """Return the number of objects seen; one that two windows share counts once."""
    return len({(v.source, i) for v in views for i in np.unique(v.ids).tolist() if i > 0})
