"""What of an image counts: taken from numbers, outlines and information bars; and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, Outline
from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import region_at, region_slices
from napari_synthseg.core.predictions import (
    BoxPrediction,
    InstancePrediction,
    PointPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.image_parts import ImageParts
from napari_synthseg.io.naming import ImageNames, UnknownNameError, image_in_file
from napari_synthseg.io.outlines import read_outlines
from napari_synthseg.io.outlines.areas import Area, PolygonArea, rectangle
from napari_synthseg.io.outlines.base import OutlinedImage
from napari_synthseg.io.outlines.on_images.placing import refs_on_plane, with_planes
from napari_synthseg.io.outlines.on_images.tracing import trace_mask
from napari_synthseg.io.plane_names import StackOf
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.bars import information_bar
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.importing_files.kinds import stacks_in

Shape = Corners | Outline | Path
"""A box in pixels, the rings of an outline, or a file of outlines."""


@dataclass(frozen=True)
class Limits:
    """What shall count.

    Attributes
    ----------
    roi, excluded
        What counts, and what does not.
    bar
        Leave out the information bar of an electron microscope.
    clear
        Forget what was said before; else it is added to.
    images
        Images of the project, or their names; none: all.
    """

    roi: Sequence[Shape] = ()
    excluded: Sequence[Shape] = ()
    bar: bool = False
    clear: bool = False
    images: Sequence[str | ImageRef] = ()


def limit_images(
    project: Project, folder: Path, limits: Limits
) -> Generator[Progress, None, Imported]:
    """Set what of the images counts; `Imported.figures` and its message say what that leaves.

    Raises
    ------
    InputError
        If an image is unknown, a file has no outline on any of them or was drawn on another size,
        an outline lies outside its image, or nothing would be left.
    """
    refs = _named(project, limits.images)
    files = _OutlineFiles(stacks_in(folder))
    changed: list[ImageRef] = []
    figures: dict[str, dict[str, object]] = {}
    words: list[str] = []
    for number, ref in enumerate(refs):
        yield Progress(number / len(refs), f"looking at {ref.name}")
        shape = open_pixels(ref.without_limits(), folder).shape[1:]
        new = ref.without_limits() if limits.clear else ref
        roi = _outlines(limits.roi, ref, project, shape, files)
        excluded = _outlines(limits.excluded, ref, project, shape, files)
        bar = information_bar(ref, folder) if limits.bar else None
        if bar is not None:
            box = rectangle((float(bar.start), 0.0, float(bar.stop), float(shape[-1])))
            excluded += (_rings(box, (shape[-2], shape[-1])),)
        new = new.model_copy(
            update={
                "roi": tuple(dict.fromkeys((*new.roi, *roi))),
                "excluded": tuple(dict.fromkeys((*new.excluded, *excluded))),
            }
        )
        share = _share(new, shape)
        if share == 0:
            raise InputError(f"Nothing of '{ref.name}' would be left: give other outlines.")
        mine = [c for c in (*project.clicks, *project.negatives) if c.image == ref.id]
        lost = sum(not new.counts_at(c.position) for c in mine)
        figures[ref.name] = {"counts": round(share, 4), "clicks_left_out": lost}
        line = f"{ref.name}: {share:.1%} counts"
        if limits.bar and bar is None:
            line += ", no information bar was found"
        elif bar is not None:
            figures[ref.name] |= {"bar": [bar.start, bar.stop], "bar_by": bar.by}
            line += f", {bar.words}"
        words.append(line + (f"; {lost} click(s) lie outside and are not used" if lost else ""))
        changed += [new] if new != ref else []
    for one in (*limits.roi, *limits.excluded):
        if isinstance(one, Path) and one not in files.used:
            raise InputError(
                f"{one}: it has no outline on {', '.join(figures)}: it may be of another image, or "
                "hold nothing but points."
            )
    words += [f"{path.name}: {each}" for path, each in files.left_out()]
    return Imported(images=tuple(changed), figures={"images": figures}, message="\n".join(words))


def _named(project: Project, names: Sequence[str | ImageRef]) -> list[ImageRef]:
    if not names:
        if not project.images:
            raise InputError("The project has no image yet: add one first.")
        return list(project.images)
    known = ImageNames(project.images)
    found = [
        ref
        for name in names
        for ref in (
            [project.image(name.id)]
            if isinstance(name, ImageRef)
            else known.find("--image", name, all_planes=True)
        )
    ]
    return list({ref.id: ref for ref in found}.values())


# --- outlines ------------------------------------------------------------------------------------


@dataclass
class _OutlineFiles:
    """What files of outlines hold, each read once.

    Where a file gives places as shares of an image, it is read once for each size of image.

    Attributes
    ----------
    stack_of
        Returns the stack that an image is of.
    used
        The files that have an outline on an image.
    """

    stack_of: StackOf
    used: set[Path] = field(default_factory=set)
    _read: dict[tuple[Path, tuple[int, int] | None], tuple[OutlinedImage, ...]] = field(
        default_factory=dict
    )

    def read(self, path: Path, size: tuple[int, int]) -> tuple[OutlinedImage, ...]:
        """Return what a file holds, for an image of this height and width."""
        for key in ((path, None), (path, size)):
            if key in self._read:
                return self._read[key]
        is_size_asked = False

        def size_of(where: str, stem: str) -> tuple[int, int]:
            nonlocal is_size_asked
            is_size_asked = True
            return size

        found = tuple(read_outlines(path, size_of))
        self._read[path, size if is_size_asked else None] = found
        return found

    def left_out(self) -> list[tuple[Path, str]]:
        """Return what of each file has no area, so that it limits nothing, in words."""
        told = []
        for path, images in {path: found for (path, _), found in self._read.items()}.items():
            counts = Counter(each.what for image in images for each in image.left_out)
            counts["point(s)"] += sum(len(image.points) for image in images)
            listed = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
            if listed:
                told.append((path, f"{listed} enclose nothing and were left out"))
        return told


def _outlines(
    shapes: Iterable[Shape],
    ref: ImageRef,
    project: Project,
    shape: Sequence[int],
    files: _OutlineFiles,
) -> tuple[Outline, ...]:
    """Return the outlines of an image, of boxes and of those in files that are of it."""
    height, width = shape[-2:]
    found: list[Outline] = []
    for one in shapes:
        if isinstance(one, Path):
            size = (height, width)
            areas = list(_areas_in(files.read(one, size), ref, project, size, files.stack_of))
            files.used.update([one] if areas else [])
        else:
            areas = [_area_of(one)]
        for area in areas:
            ymin, xmin, ymax, xmax = area.bounds
            if ymin >= height or xmin >= width or ymax <= 0 or xmax <= 0:
                raise InputError(
                    f"y {ymin:g} to {ymax:g}, x {xmin:g} to {xmax:g} lies outside '{ref.name}' "
                    f"({height} x {width} pixels, y, x): give a part of it."
                )
            found.append(_rings(area, (height, width)))
    return tuple(found)


def _area_of(shape: Corners | Outline) -> Area:
    """Return a box, or what an outline encloses, as an area."""
    if isinstance(shape[0], tuple):
        return PolygonArea((tuple(np.array(ring, float) for ring in shape),))
    return rectangle(shape)


def _areas_in(
    listed: Iterable[OutlinedImage],
    ref: ImageRef,
    project: Project,
    size: tuple[int, int],
    stack_of: StackOf,
) -> Iterable[Area]:
    """Yield the areas in a file of outlines that are of an image, or of none that it names."""
    names = ImageNames(project.images)
    planes = [each for each in project.images if image_in_file(each) == image_in_file(ref)]
    for image in listed:
        if image.name is not None:
            try:
                meant = names.find_of(image, all_planes=True)
            except UnknownNameError:
                continue
            if image_in_file(ref) not in map(image_in_file, meant):
                continue
        ImageParts(planes, size).check_drawn_size(image.where, image.size)
        for outline in with_planes(image, ref, stack_of).outlines:
            if not outline.plane or ref in refs_on_plane(outline, planes):
                yield outline.area


def _rings(area: Area, size: tuple[int, int]) -> Outline:
    """Return an area as rings of which an odd number lies round each of its pixels."""
    if isinstance(area, PolygonArea) and len(area.polygons) == 1:
        rings = [ring.tolist() for ring in area.polygons[0]]
    else:
        mask, origin = area.draw(size)
        rings = [ring.tolist() for part in trace_mask(mask, origin) for ring in part.rings]
    return tuple(tuple((float(y), float(x)) for y, x in ring) for ring in rings)


def _share(ref: ImageRef, shape: Sequence[int]) -> float:
    counted = ref.counted(region_at((0, 0), shape[-2:]))
    return 1.0 if counted is None else float(counted.mean())


# --- what is found where it counts ---------------------------------------------------------------


def where_it_counts(found: Prediction, ref: ImageRef) -> tuple[Prediction, tuple[str, ...]]:
    """Return a prediction without what lies where the image does not count, and notes on that.

    The pixels of objects that are left out are cleared in the prediction that is given.
    """
    if not ref.is_limited:
        return found, ()
    match found:
        case InstancePrediction(objects=objects, ids=ids):
            kept = tuple(o for o in objects if ref.counts_at(o.center))
            for one in set(objects).difference(kept):
                box = tuple((int(start), int(stop)) for start, stop in one.box)
                window = ids[region_slices(box, found.region_origin)]
                window[window == one.id] = 0
            found = replace(found, objects=kept)
        case BoxPrediction(objects=objects, candidates=candidates):
            kept = tuple(o for o in objects if ref.counts_at(o.center))
            others = tuple(o for o in candidates if ref.counts_at(o.center))
            found = replace(found, objects=kept, candidates=others)
        case PointPrediction(objects=objects):
            points = tuple(o for o in objects if ref.counts_at(o.center))
            return replace(found, objects=points), _left_out(len(objects) - len(points))
        case RegionPrediction(values=values):
            counted = ref.counted(region_at(found.region_origin, values.shape))
            assert counted is not None
            inside: NDArray[np.uint8] = np.where(counted, values, 0).astype(np.uint8)
            note = f"{1 - counted.mean():.1%} of it does not count, and is background in the result"
            return replace(found, values=inside), (note,)
        case _:
            return found, ()
    return found, _left_out(len(objects) - len(kept))


def _left_out(count: int) -> tuple[str, ...]:
    return (f"{count} object(s) outside of what counts were left out",) if count else ()
