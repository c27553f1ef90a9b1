"""Cutting patches: from the clicks of a project to a patch library."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains
from napari_synthseg.core.patch import ClickedImage, PatchLibrary
from napari_synthseg.core.pixels import check_alike
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.training.split import Subset


def clicked_parts(project: Project) -> tuple[Subset, ...]:
    """Return the training images that carry at least one click, with their clicks.

    Raises
    ------
    InputError
        If there is none.
    """
    parts = tuple(Subset(r, project.clicks_on(r)) for r in project.images if r.role == "train")
    parts = tuple(p for p in parts if p.clicks)
    if not parts:
        raise InputError(
            "No training image has a click yet: choose a class and click on the centers of a few "
            "objects."
        )
    return parts


def clicked_image(part: Subset, project: Project, folder: Path) -> ClickedImage:
    """Return a part with its pixels, and with the negative clicks that lie inside it."""
    pixels = open_pixels(part.ref, folder)
    inside = [c for c in project.negatives_on(part.ref) if contains(pixels.region, c.position)]
    return ClickedImage(
        part.ref,
        pixels,
        part.clicks,
        tuple(click.position for click in inside),
        tuple((click.position, click.reach) for click in inside if click.reach),
    )


def cut(
    project: Project, folder: Path, parts: Sequence[Subset] | None = None
) -> Generator[Progress, None, PatchLibrary]:
    """Cut, mask and grade the patches of the given parts (default: all clicked images)."""
    # here: it loads scipy, and the panel shall open without
    from napari_synthseg.patches.build import build_library

    chosen = clicked_parts(project) if parts is None else parts
    images = [clicked_image(part, project, folder) for part in chosen]
    check_alike([(i.ref, i.pixels) for i in images], "Delete the clicks on one of them")
    given = {t.image: t for t in project.patch_masks}
    masks = {
        p.ref.id: open_labels(given[p.ref.id], p.ref, folder) for p in chosen if p.ref.id in given
    }
    return (
        yield from build_library(
            images,
            project.classes,
            rejected=project.rejected(),
            accepted=project.accepted(),
            masks=masks,
        )
    )


def cut_alike(one: Project, other: Project) -> bool:
    """Tell whether two states of a project give the same patches."""
    return (
        one.clicks == other.clicks
        and one.negatives == other.negatives
        and one.classes == other.classes
        and one.images == other.images
        and one.patch_masks == other.patch_masks
    )
