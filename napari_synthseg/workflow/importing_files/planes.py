"""What files say of pictures of single planes, as of the stacks that these are planes of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes.base import ListedImage
from napari_synthseg.io.naming import ListsImage
from napari_synthseg.io.outlines.base import OutlinedImage
from napari_synthseg.io.outlines.on_images.placing import stems_of
from napari_synthseg.io.plane_names import NamedPlane, PlaneNames
from napari_synthseg.workflow.importing_files.kinds import ImportOptions, stacks_in


class OutlinesOfPlanes(NamedTuple):
    """Outlines that are of stacks now.

    Attributes
    ----------
    listed
        What is drawn on each image.
    missing
        Id of a volume -> how many of its planes the file does not list, or leaves unclear; of those
        that are listed by pictures of their planes.
    notes
        What was taken for planes, in words.
    """

    listed: list[OutlinedImage]
    missing: Mapping[str, int]
    notes: list[str]


def outlines_of_planes(
    listed: Sequence[OutlinedImage], project: Project, folder: Path, options: ImportOptions
) -> OutlinesOfPlanes:
    """Return outlines on pictures of planes as outlines on planes of stacks.

    Raises
    ------
    InputError
        If a name may be of several planes.
    """
    stack_of = stacks_in(folder)
    names = PlaneNames(project.images, stack_of)
    probes = [_with_stem(image, names) for image in listed]
    found = names.find(probes, options.first_plane)
    named: list[OutlinedImage] = []
    seen: dict[str, set[int]] = defaultdict(set)
    for image, plane in zip(listed, found, strict=True):
        if plane is None:
            named.append(image)
            continue
        is_volume = plane.ref.ndim == 3
        if is_volume and not image.is_unclear:
            seen[plane.ref.id].add(plane.plane["z"])
        along = dict(plane.plane) if is_volume else {}
        named.append(
            replace(
                image,
                name=plane.name,
                by_stem=False,
                outlines=tuple(replace(each, plane=along) for each in image.outlines),
                points=tuple(replace(each, plane=along) for each in image.points),
            )
        )
    refs = {plane.ref.id: plane.ref for plane in found if plane and plane.ref.ndim == 3}
    missing = {i: stack_of(ref).extents["z"] - len(seen[i]) for i, ref in refs.items()}
    return OutlinesOfPlanes(named, {i: n for i, n in missing.items() if n}, _words(probes, found))


def _with_stem(image: OutlinedImage, names: PlaneNames) -> OutlinedImage:
    """Return what a file that names no image says, with the stem of a plane that it has itself."""
    if image.name is not None:
        return image
    stems = (s for s in stems_of(image.where) if names.refs_named(image.where, s, by_stem=True))
    stem = next(stems, None)
    return image if stem is None else replace(image, name=stem, by_stem=True)


def boxes_of_planes(
    listed: Sequence[ListedImage], project: Project, folder: Path, options: ImportOptions
) -> tuple[list[ListedImage], list[str]]:
    """Return boxes on pictures of planes as boxes on the planes, and what was done in words.

    Raises
    ------
    InputError
        If a name may be of several planes.
    """
    found = PlaneNames(project.images, stacks_in(folder)).find(listed, options.first_plane)
    named = [
        replace(image, name=plane.name, by_stem=False) if plane else image
        for image, plane in zip(listed, found, strict=True)
    ]
    return named, _words(listed, found)


def _words(listed: Sequence[ListsImage], found: Sequence[NamedPlane | None]) -> list[str]:
    """Say which names were taken for planes, by an example for each stack."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for image, plane in zip(listed, found, strict=True):
        if plane is None or plane.name == image.name:
            continue
        name = plane.ref.name
        at = " and ".join(f"{axis} {index}" for axis, index in sorted(plane.plane.items()))
        counts[name] += 1
        examples.setdefault(name, f"'{image.name}' for {at}")
    return [
        f"{count} image(s) were taken for planes of '{name}', {examples[name]} (from 0)"
        for name, count in counts.items()
    ]
