"""What of an image counts: taken from numbers, outlines and information bars; and what is left."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, Outline
from napari_synthseg.core.boxes import Corners
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import region_at
from napari_synthseg.core.predictions import (
    BoxPrediction,
    InstancePrediction,
    PointPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.naming import ImageNames, UnknownNameError, same_form
from napari_synthseg.io.outlines import read_outlines
from napari_synthseg.io.outlines.areas import Area, PolygonArea, rectangle
from napari_synthseg.io.outlines.placing import check_drawn_size, refs_on_plane
from napari_synthseg.io.outlines.tracing import trace_mask
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.bars import information_bar
from napari_synthseg.workflow.importing import Imported

Shape = Corners | Path
"""A box in pixels, or a file of outlines."""


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
        Names of images; none: all.
    """

    roi: Sequence[Shape] = ()
    excluded: Sequence[Shape] = ()
    bar: bool = False
    clear: bool = False
    images: Sequence[str] = ()


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
    used: set[Path] = set()
    changed: list[ImageRef] = []
    figures: dict[str, dict[str, object]] = {}
    words: list[str] = []
    for number, ref in enumerate(refs):
        yield Progress(number / len(refs), f"looking at {ref.name}")
        shape = open_pixels(ref.without_limits(), folder).shape[1:]
        new = ref.without_limits() if limits.clear else ref
        roi = _outlines(limits.roi, ref, project, shape, used)
        excluded = _outlines(limits.excluded, ref, project, shape, used)
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
        changed.append(new)
    for one in (*limits.roi, *limits.excluded):
        if isinstance(one, Path) and one not in used:
            raise InputError(
                f"{one}: it has no outline on {', '.join(figures)}: it may be of another image, or "
                "hold nothing but points."
            )
    return Imported(images=tuple(changed), figures={"images": figures}, message="\n".join(words))


def _named(project: Project, names: Sequence[str]) -> list[ImageRef]:
    if not names:
        if not project.images:
            raise InputError("The project has no image yet: add one first.")
        return list(project.images)
    known = ImageNames(project.images)
    found = [ref for name in names for ref in known.find("--image", name, all_planes=True)]
    return list({ref.id: ref for ref in found}.values())


# --- outlines ------------------------------------------------------------------------------------


def _outlines(
    shapes: Iterable[Shape],
    ref: ImageRef,
    project: Project,
    shape: Sequence[int],
    used: set[Path],
) -> tuple[Outline, ...]:
    """Return the outlines of an image, of boxes and of those in files that are of it.

    Files that have any are added to `used`.
    """
    height, width = shape[-2:]
    found: list[Outline] = []
    for one in shapes:
        if isinstance(one, Path):
            areas = list(_areas_in(one, ref, project, (height, width)))
            used.update([one] if areas else [])
        else:
            areas = [rectangle(one)]
        for area in areas:
            ymin, xmin, ymax, xmax = area.bounds
            if ymin >= height or xmin >= width or ymax <= 0 or xmax <= 0:
                raise InputError(
                    f"y {ymin:g} to {ymax:g}, x {xmin:g} to {xmax:g} lies outside '{ref.name}' "
                    f"({height} x {width} pixels, y, x): give a part of it."
                )
            found.append(_rings(area, (height, width)))
    return tuple(found)


def _areas_in(path: Path, ref: ImageRef, project: Project, size: tuple[int, int]) -> Iterable[Area]:
    """Yield the areas of a file of outlines that names an image, or none."""
    names = ImageNames(project.images)
    planes = [each for each in project.images if each.uri == ref.uri]
    for image in read_outlines(path, lambda where, stem: size):
        if image.name is not None:
            find = names.find_stem if image.by_stem else names.find
            try:
                meant = find(image.where, image.name, all_planes=True)
            except UnknownNameError:
                continue
            if same_form(ref.uri) not in {same_form(each.uri) for each in meant}:
                continue
        check_drawn_size(image, ref, size)
        for outline in image.outlines:
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
    """Return a prediction without what lies where the image does not count, and notes on that."""
    if not ref.is_limited:
        return found, ()
    match found:
        case InstancePrediction(objects=objects, ids=ids):
            kept = tuple(o for o in objects if ref.counts_at(o.center))
            left = np.isin(ids, [o.id for o in kept])
            found = replace(found, objects=kept, ids=np.where(left, ids, 0).astype(ids.dtype))
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
